"""What a server can say where an answer is awaited."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from redis import Connection
from redis.exceptions import ConnectionError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as Slow

from broker.storage.redis_wire import _Open


@pytest.fixture
def ends() -> Iterator[tuple[_Open, socket.socket]]:
    """Yield our end of a connection, and the server's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.05)
        parser = Connection()._parser  # type: ignore[no-untyped-call]  # has no types
        yield _Open(SimpleNamespace(_sock=ours, _parser=parser), 0), theirs


def test_an_answer_comes_in_parts_and_after_what_nobody_asked_for(ends: tuple[_Open, socket.socket]) -> None:
    asked, server = ends
    server.sendall(b">2\r\n$6\r\nmoving\r\n:1\r\n$100000\r\n")
    server.sendall(b"a" * 100_000 + b"\r\n")
    assert asked(("GET", "key", b"\xff", 7)) == b"a" * 100_000
    assert server.recv(1000) == b"*4\r\n$3\r\nGET\r\n$3\r\nkey\r\n$1\r\n\xff\r\n$1\r\n7\r\n"


@pytest.mark.parametrize("said, error", [(b"-READONLY no\r\n", ReadOnlyError), (b"what?\r\n", RedisError)])
def test_t7_a_refusal_or_nonsense_is_never_a_result(
    ends: tuple[_Open, socket.socket], said: bytes, error: type[RedisError]
) -> None:
    asked, server = ends
    server.sendall(said)
    with pytest.raises(error):
        asked(("GET", "key"))


def test_t7_silence_is_never_a_result(ends: tuple[_Open, socket.socket]) -> None:
    with pytest.raises(Slow):
        ends[0](("GET", "key"))


def test_t7_nobody_waits_for_ever_for_a_server_that_does_not_read(ends: tuple[_Open, socket.socket]) -> None:
    with pytest.raises(Slow):
        ends[0](("SET", "key", b"a" * 50_000_000))


def test_t7_the_end_is_never_a_result(ends: tuple[_Open, socket.socket]) -> None:
    asked, server = ends
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionError):
        asked(("GET", "key"))
    server.close()
    with pytest.raises(ConnectionError):
        asked(("GET", "key"))
