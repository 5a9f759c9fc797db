"""Connections to Redis that are kept, and those that are let go of (T5)."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

import pytest
from hiredis import Reader
from redis.exceptions import ClusterDownError, ReadOnlyError, ResponseError

from broker.storage import redis_addresses
from broker.storage.redis_addresses import Line, line_to
from broker.storage.store import RedisStore, StoreUnavailable

ONE = b"$1\r\n1\r\n"
Reply = Callable[[list[bytes]], bytes]


class Server:
    """Counts its connections, and how often it was asked for a Cluster's slots."""

    def __init__(self, port: int) -> None:
        self.port = self.leads = port
        self.met: list[socket.socket] = []
        self.asked = 0
        self.lock = Lock()

    def answer(self, line: socket.socket, reply: Reply) -> None:
        reader = Reader()
        with suppress(OSError), line:
            while said := line.recv(65536):
                reader.feed(said)
                while command := reader.gets():
                    line.sendall(self._said(line, command, reply))

    def _said(self, line: socket.socket, command: list[bytes], reply: Reply) -> bytes:
        match command[0]:
            case b"GET":
                with self.lock:
                    if line not in self.met:
                        self.met.append(line)
                return reply(command)
            case b"CLUSTER":
                self.asked += 1
                host = b"*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\na\r\n" % self.port
                return b"*1\r\n*3\r\n:0\r\n:16383\r\n" + host
            case b"HELLO":
                return b"%1\r\n$5\r\nproto\r\n:3\r\n"
            case b"SENTINEL":
                words = f"name main ip 127.0.0.1 port {self.leads} flags master num-other-sentinels 0".split()
                return b"*1\r\n%%%d\r\n" % (len(words) // 2) + b"".join(b"+%b\r\n" % each.encode() for each in words)
            case b"COMMAND":
                return b"*0\r\n"
            case _:
                return b"+OK\r\n"


@contextmanager
def speaking(reply: Reply) -> Iterator[Server]:
    """Yield a server that says ``reply`` to each GET, as it is."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])

    def accept() -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                Thread(target=server.answer, args=(line, reply), daemon=True).start()

    accepting = Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def to(server: Server) -> str:
    return f"redis://127.0.0.1:{server.port}/0?protocol=2"


@pytest.mark.parametrize(
    "refusal, kept",
    [
        ("READONLY You can't write against a read only replica.", False),
        ("ERR Error running script (call to f_1): @user_script:2: @user_script: 2: -READONLY You can't write", False),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", False),
        ("LOADING Redis is loading the dataset in memory", False),
        ("NOREPLICAS Not enough good replicas to write.", False),
        ("CLUSTERDOWN The cluster is down", False),
        ("MOVED 1 127.0.0.1:1", False),
        ("ASK 1 127.0.0.1:1", False),
        ("ERR user_script:1: Script attempted to access nonexistent global variable 'a'", True),
        ("NOSCRIPT No matching script.", True),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", True),
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
    ],
)
def test_t5_a_server_that_says_it_is_not_the_one_to_ask_is_let_go_of(refusal: str, kept: bool) -> None:
    refusals = [f"-{refusal}\r\n".encode()]
    with speaking(lambda _: refusals.pop() if refusals else ONE) as server:
        store = RedisStore(to(server))
        with pytest.raises(StoreUnavailable):
            store.get("a")
        assert store.get("a") == b"1"
        assert len(server.met) == (1 if kept else 2)
        store.close()


def test_t5_after_a_master_said_it_is_none_sentinels_are_asked_which_one_is() -> None:
    with speaking(lambda _: b"-READONLY no\r\n") as old, speaking(lambda _: ONE) as new:
        store = RedisStore(f"redis+sentinel://127.0.0.1:{old.port}/main/0")
        with pytest.raises(StoreUnavailable):
            store.get("a")
        old.leads = new.port
        assert store.get("a") == b"1"
        store.close()
    assert [len(old.met), len(new.met)] == [1, 1]


def test_a_connection_with_more_than_an_answer_is_not_used_again() -> None:
    answers = [ONE, ONE + b"$7\r\nanother\r\n"]
    with speaking(lambda _: answers.pop() if answers else ONE) as server:
        store = RedisStore(to(server))
        assert [store.get("a") for _ in range(3)] == [b"1"] * 3
        assert len(server.met) == 2
        store.close()


def while_another_waits(line: Line, begun: Event, go_on: Event, meanwhile: Callable[[], None]) -> list[object]:
    """Return what another thread's command is answered that was sent before, and answered after ``meanwhile``."""
    found: list[object] = []
    waiting = Thread(target=lambda: found.append(line("GET", "slow")))
    waiting.start()
    assert begun.wait(20)
    meanwhile()
    go_on.set()
    waiting.join()
    return found


def test_t5_commands_in_flight_are_answered_and_then_their_connections_go_too() -> None:
    begun, go_on = Event(), Event()

    def reply(command: list[bytes]) -> bytes:
        if command[1] == b"slow":
            begun.set()
            assert go_on.wait(20)
        return b"-READONLY no\r\n" if command[1] == b"no" else ONE

    with speaking(reply) as server:
        line = line_to(to(server))

        def refused() -> None:
            with pytest.raises(ReadOnlyError):
                line("GET", "no")

        assert while_another_waits(line, begun, go_on, refused) == [b"1"]
        assert line("GET", "a") == b"1"
        assert len(server.met) == 3
        line.close()


def test_t5_a_cluster_that_is_asked_anew_hangs_up_on_nobody_who_waits_for_an_answer() -> None:
    begun, go_on = Event(), Event()

    def reply(command: list[bytes]) -> bytes:
        if command[1] == b"slow":
            begun.set()
            assert go_on.wait(20)
        return b"-CLUSTERDOWN no\r\n" if command[1] == b"no" else ONE

    with speaking(reply) as server:
        line = line_to(f"redis+cluster://127.0.0.1:{server.port}")

        def asked_anew() -> None:
            with pytest.raises(ClusterDownError):
                line("GET", "no")
            assert line("GET", "a") == b"1"

        assert while_another_waits(line, begun, go_on, asked_anew) == [b"1"]
        assert line("GET", "a") == b"1"
        assert server.asked == 2
        line.close()


def test_where_a_clusters_slots_cannot_be_told_for_a_reason_of_ours_the_next_one_asks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with speaking(lambda _: ONE) as server:
        line = line_to(f"redis+cluster://127.0.0.1:{server.port}")
        with monkeypatch.context() as patch:
            patch.setattr(redis_addresses, "key_slot", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                line("GET", "a")
        assert line("GET", "a") == b"1"
        line.close()


def test_a_refusal_without_a_code_we_know_says_something_of_the_server() -> None:
    with speaking(lambda _: b"-MISCONF Errors writing to the disk\r\n") as server:
        line = line_to(to(server))
        for _ in range(2):
            with pytest.raises(ResponseError):
                line("GET", "a")
        assert len(server.met) == 2
        line.close()
