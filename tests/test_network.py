"""The guard that conftest puts up: a test that leaves this machine fails."""

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.conftest import NetworkRefused

OUTSIDE = ("192.0.2.1", 80)  # RFC 5737: nobody's


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.settimeout(1)
        yield sock


def test_a_connection_to_the_outside_is_refused(tcp: socket.socket) -> None:
    with pytest.raises(NetworkRefused):
        tcp.connect(OUTSIDE)
    with pytest.raises(NetworkRefused):
        tcp.connect_ex(OUTSIDE)


def test_a_datagram_to_the_outside_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(NetworkRefused):
        udp.sendto(b"", OUTSIDE)


def test_a_look_up_of_an_outside_name_is_refused() -> None:
    with pytest.raises(NetworkRefused):
        socket.getaddrinfo("registry.example.org", 443)
    with pytest.raises(NetworkRefused):
        socket.create_connection(("login.microsoftonline.com", 443), timeout=1)
    with pytest.raises(NetworkRefused):
        requests.get("https://api.github.com", timeout=1)


def test_loopback_stays_open(tcp: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        tcp.connect(server.getsockname())
    assert socket.getaddrinfo(b"localhost", 0)
    assert socket.getaddrinfo("::1", 0)
    assert socket.getaddrinfo(None, 0)


def test_unix_sockets_stay_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("unix") / "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
