"""Which Redis an address leads to: one server, what Sentinels say is the master, or a node of a Cluster.

What a sign-in needs changes in one step, and so has to be in one place: in a Cluster all of it shares one hash slot, of
which one node is the master. A Cluster so brings another node when one fails, and no more room.
"""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any, Protocol
from urllib.parse import unquote

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MovedError,
    ReadOnlyError,
    RedisClusterException,
    TimeoutError,
)
from redis.retry import Retry
from redis.sentinel import Sentinel

from broker.storage.redis_wire import Wire

PREFIX = "vestibule:"
CLUSTER_PREFIX = "{vestibule}:"
"""What keys in a Cluster begin with: what is in braces alone says which slot they are in (Redis Cluster, hash tags)."""

_TIMEOUT_SECONDS = 2
_ADDRESS = re.compile(
    r"(?P<tls>rediss?)\+(?P<kind>sentinel|cluster)://(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?"
    r"(?P<hosts>[^@/]+)(?:/(?P<service>[^/]*)(?:/(?P<database>[0-9]+))?)?"
)
_PORTS = {"sentinel": 26379, "cluster": 6379}


class Line(Protocol):
    """What commands are sent by, one at a time. Raises :class:`redis.exceptions.RedisError`."""

    def __call__(self, *command: str | bytes | int) -> Any: ...

    def close(self) -> None: ...


def is_redis(url: str) -> bool:
    """Return whether an address is one of Redis."""
    return url.startswith(("redis://", "rediss://", "unix://")) or _ADDRESS.fullmatch(url) is not None


def prefix_for(url: str) -> str:
    """Return what every key there begins with."""
    return CLUSTER_PREFIX if "+cluster:" in url else PREFIX


def line_to(url: str) -> Line:
    """Return what sends commands to ``url``. Nothing is connected before the first. Raises :class:`ValueError`.

    ``redis://``, ``rediss://`` and ``unix://`` as redis-py reads them; ``redis+sentinel://HOST:PORT,…/SERVICE/DB`` and
    ``redis+cluster://HOST:PORT,…``, ``rediss`` for TLS, with ``USER:PASSWORD@`` of the servers (not of the Sentinels).
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "socket_timeout": _TIMEOUT_SECONDS,
        # A command that was carried out and whose answer was lost would find its key taken and be read as a refusal.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
    }
    several = _ADDRESS.fullmatch(url)
    if several is None:
        return _Server(Redis.from_url(url, **options))
    tls = {"ssl": True} if several["tls"] == "rediss" else {}
    options |= tls | {name: unquote(several[name]) for name in ("password",) if several[name]}
    options |= {"username": unquote(several["user"])} if several["user"] else {}
    hosts = [_host(each, _PORTS[several["kind"]]) for each in several["hosts"].split(",")]
    if several["kind"] == "cluster":
        return _Cluster(hosts, options)
    if not several["service"]:
        raise ValueError("Sentinels are asked for a service: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE")
    asked = {name: options[name] for name in ("socket_connect_timeout", "socket_timeout", "retry")} | tls
    sentinel = Sentinel(hosts, sentinel_kwargs=asked, **options)  # type: ignore[no-untyped-call]  # has no types
    master = sentinel.master_for(several["service"], db=int(several["database"] or 0))  # type: ignore[no-untyped-call]  # has no types
    return _Server(master)


def _host(text: str, port: int) -> tuple[str, int]:
    host, _, given = text.partition(":")
    return host, int(given or port)


class _Server(Wire):
    """One server; with Sentinels, whichever they name when a connection is opened."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client)
        self._client = client

    def close(self) -> None:
        self._idle.clear()
        self._client.close()


class _Cluster:
    """The node that has our slot. Which it is, is asked at the first command, and again when it no longer has it."""

    def __init__(self, hosts: list[tuple[str, int]], options: Mapping[str, Any]) -> None:
        self._nodes = [ClusterNode(host, port) for host, port in hosts]  # type: ignore[no-untyped-call]  # has no types
        self._options = options
        self._lock = Lock()
        self._wire: _Server | None = None
        self._asking: Future[_Server] | None = None

    def __call__(self, *command: str | bytes | int) -> Any:
        wire = self._wire or self._find(None)
        try:
            return wire(*command)
        except MovedError:
            # It was not carried out there, and the node that has the slot now is asked once.
            return self._find(wire)(*command)
        except (ClusterDownError, ReadOnlyError, ConnectionError, TimeoutError):
            self._forget(wire)
            raise

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    def _forget(self, wire: "_Server") -> None:
        with self._lock:
            if self._wire is wire:
                self._wire = None
        # Others wait for answers that it may well give.
        wire.let_go()

    def _find(self, gone: "_Server | None") -> "_Server":
        """Return what leads to the node that has the slot, asked anew unless another thread did since ``gone``.

        However many find that they do not know, one asks, and all have what came of it: silent nodes take each of us as
        long as they take one.
        """
        if gone is not None:
            self._forget(gone)
        with self._lock:
            if self._wire is not None:
                return self._wire
            asking, mine = self._asking, self._asking is None
            if asking is None:
                asking = self._asking = Future()
        if mine:
            self._answer(asking)
        try:
            return asking.result()
        except RedisClusterException as error:
            raise ConnectionError("no node that has the slot") from error  # which is a RedisError

    def _answer(self, asking: "Future[_Server]") -> None:
        try:
            found = self._ask()
        except BaseException as error:
            with self._lock:
                self._asking = None
            asking.set_exception(error)
            return
        with self._lock:
            self._wire, self._asking = found, None
        asking.set_result(found)

    def _ask(self) -> "_Server":
        # A part of the slots that nobody serves is of no matter as long as it is not ours.
        cluster = RedisCluster(startup_nodes=self._nodes, require_full_coverage=False, **self._options)
        try:
            node = cluster.nodes_manager.get_node_from_slot(key_slot(CLUSTER_PREFIX.encode()))
        finally:
            cluster.close()
        # Not the cluster's own: whoever closes it hangs up what others wait for.
        return _Server(Redis(host=node.host, port=node.port, **self._options))
