"""Commands to Redis with as little around them as there can be: redis-py's own way costs three times the round trip."""

import re
import select
import socket
import struct
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from hiredis import PushNotification, Reader, pack_command
from redis import Redis
from redis.exceptions import ConnectionError, InvalidResponse, NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as Slow

Send = Callable[..., Any]

_MORE = object()
_AT_ONCE = 64 * 1024  # bytes
# A server that is full is still the one to ask.
_OF_THE_COMMAND = frozenset({"ERR", "NOPERM", "NOSCRIPT", "OOM", "WRONGTYPE"})
# What stands in an error of a script where it was the server that refused, up to Redis 6.
_OF_THE_SERVER = re.compile(r": -[A-Z]+ ")


def is_of_the_command(error: BaseException) -> bool:
    """Return whether a refusal says something of the command: any other says it of the server.

    Of which there are many (READONLY, MASTERDOWN, LOADING, NOREPLICAS, CLUSTERDOWN, MOVED…): it may no longer be the
    one that our address leads to, and what it says of anything is old.
    """
    if not isinstance(error, ResponseError):
        return False
    code = error.status_code or str(error).partition(" ")[0]
    return code in _OF_THE_COMMAND and not _OF_THE_SERVER.search(str(error))


class Wire:
    """Sends one command at a time over connections that ``client``'s pool has opened, and keeps them for the next.

    Nothing is tried twice: a command that was carried out and whose answer was lost would find its key taken. A
    connection that was closed while nobody used it is noticed before it is used. Where a server says that it is not the
    one to ask, all connections to it are let go of, and the address is asked anew.
    """

    def __init__(self, client: Redis) -> None:
        self._pool: Any = client.connection_pool  # half of it has no types
        self._idle: list[_Open] = []
        self._age = 0  # those that are younger lead to where the address did not lead then

    def __call__(self, *command: str | bytes | int) -> Any:
        """Return the answer. Raises :class:`redis.exceptions.RedisError`."""
        kept = self._connection()
        try:
            answer = kept(command)
        except BaseException as error:
            if is_of_the_command(error):  # which was read whole
                self._keep(kept)
            else:
                self._give_up(kept)
            if isinstance(error, ResponseError) and not is_of_the_command(error):
                self.let_go()
            raise
        self._keep(kept)
        return answer

    def let_go(self) -> None:
        """Hang up what is idle, and what is in use once its answer has come."""
        self._age += 1
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                return
            self._give_up(kept)

    def _connection(self) -> "_Open":
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                age = self._age
                return _Open(self._pool.get_connection(), age)
            # Nobody asked it anything: what there is to read is its end.
            if kept.connection.is_connected and kept.age == self._age and not kept.has_news():
                return kept
            self._give_up(kept)

    def _keep(self, kept: "_Open") -> None:
        if kept.age == self._age and not kept.has_more():
            self._idle.append(kept)
        else:
            self._give_up(kept)

    def _give_up(self, kept: "_Open") -> None:
        kept.connection.disconnect()
        self._pool.release(kept.connection)


class _Open:
    """A connection that redis-py has opened, and what is sent and read on it."""

    def __init__(self, connection: Any, age: int) -> None:
        self.connection, self.age = connection, age
        self._socket = connection._sock
        _have_the_system_wait(self._socket)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        self._poll = poll.poll
        # Of what TLS has read and nobody asked it for, there is nothing to be seen at the socket.
        self._pending = getattr(self._socket, "pending", int)
        self._reader = Reader(
            protocolError=InvalidResponse, replyError=connection._parser.parse_error, notEnoughData=_MORE
        )

    def has_news(self) -> bool:
        """Return whether something came that nobody asked for, which mostly is the end."""
        return bool(self._poll(0))

    def has_more(self) -> bool:
        """Return whether more was read than the answer."""
        return bool(self._reader.has_data() or self._pending())

    def __call__(self, command: tuple[str | bytes | int, ...]) -> Any:
        try:
            self._socket.sendall(pack_command(command))  # type: ignore[arg-type]  # its stub has a tuple of one
            while (answer := self._reader.gets()) is _MORE or isinstance(answer, PushNotification):
                if answer is _MORE:
                    received = self._socket.recv(_AT_ONCE)
                    if not received:
                        raise ConnectionError("closed by the server")
                    self._reader.feed(received)
        except (TimeoutError, BlockingIOError) as error:
            raise Slow("no answer in time") from error
        except OSError as error:
            raise ConnectionError(type(error).__name__) from error
        if isinstance(answer, RedisError):
            raise answer
        return answer


def _have_the_system_wait(wire: socket.socket) -> None:
    """Leave it to the system how long a socket waits: Python would ask it before each call, and be another call late.

    With each of them a thread gives the interpreter to others, and has to get it back. TLS has more than one call to
    an answer, and stays as it is.
    """
    seconds = wire.gettimeout()
    if type(wire) is not socket.socket or not seconds:
        return
    for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        wire.setsockopt(socket.SOL_SOCKET, which, struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000)))
    wire.settimeout(None)


class Script:
    """A script that the server knows by its hash, and is told again after it forgot."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, send: Send, keys: list[str], arguments: list[str | bytes | int]) -> Any:
        """Return what it returns: one command, and one more where the server does not know it."""
        try:
            return send("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return send("EVAL", self._text, len(keys), *keys, *arguments)
