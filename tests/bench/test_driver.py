"""The driver: what it reads of HTTP, what it takes for an answer, and a whole run of every operation."""

import hashlib
import os
import socket
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.bench import measure, sides
from tests.bench.counters import cpu_seconds, peak_mib, postgres_pid, redis_pid, tree
from tests.bench.measure import COUNTED, Bench, Plan, Stores
from tests.bench.operations import KINDS, Browser
from tests.bench.run import told
from tests.bench.sides import Place
from tests.bench.standin import Issuer
from tests.bench.wire import Answer, Failed, Loop, Operation, get, parse

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1; Path=/In\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\n\r\n"


@pytest.mark.parametrize("data", [WHOLE, CHUNKED])
def test_an_answer_is_read_once_all_of_it_is_there(data: bytes) -> None:
    assert all(parse(data[:end]) is None for end in range(len(data)))
    answer, taken = parse(data) or (None, 0)
    assert answer is not None
    assert (answer.status, answer.body, taken) == (200, b"hi", len(data))


def test_a_browser_sends_a_cookie_back_where_it_belongs_until_it_is_taken_away() -> None:
    browser, (answer, _) = Browser(), parse(WHOLE) or pytest.fail("no answer")
    browser.keep(answer)
    assert browser.headers("http://127.0.0.1/In/side")["Cookie"] == "a=1"
    assert not any("Cookie" in browser.headers(f"http://127.0.0.1/{path}") for path in ("Inside", ""))
    browser.keep(Answer(200, b"HTTP/1.1 200 OK\r\nSet-Cookie: a=; Max-Age=0; Path=/In\r\n", b""))
    assert "Cookie" not in browser.headers("http://127.0.0.1/In")


@pytest.fixture
def closing_server() -> Iterator[str]:
    """A server that closes every connection once it was asked something."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)

        thread = Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_run_fails_with_the_first_operation_that_gets_no_answer(closing_server: str) -> None:
    def asked() -> Operation:
        yield get(f"{closing_server}/")

    with closing(Loop(1)) as loop, pytest.raises(Failed, match="closed"):
        loop.run([asked])


def test_the_provider_stand_in_takes_no_code_that_it_did_not_give_and_no_other_verifier() -> None:
    issuer = Issuer("http://127.0.0.1:1")
    challenge = urlsafe_b64encode(hashlib.sha256(b"v").digest()).rstrip(b"=").decode()
    asked = f"person=3&state=s&nonce=n&redirect_uri=http://127.0.0.1:2/&code_challenge={challenge}"
    back = parse_qs(urlsplit(issuer.authorize(asked)).query)
    code = back["code"][0]
    assert back["state"] == ["s"]
    assert issuer.token(f"code={code}&code_verifier=w") is None
    assert issuer.token(f"code=A{code}&code_verifier=v") is None
    assert b'"id_token"' in (issuer.token(f"code={code}&code_verifier=v") or b"")


def test_the_cpu_and_memory_of_a_process_are_those_of_its_children_too() -> None:
    work = "import subprocess, sys; sys.argv[1:] and subprocess.run([sys.executable, '-c', sys.argv[1]])"
    busy = "sum(range(3_000_000)); print('done', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", work, busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        pids = tree(process.pid)
        assert len(pids) == 2
        assert cpu_seconds([process.pid]) > cpu_seconds(pids[1:]) > 0
        assert peak_mib([process.pid]) > peak_mib(pids[1:]) > 1
        process.communicate(b"\n")
    assert cpu_seconds([process.pid]) == peak_mib([process.pid]) == 0
    assert os.getpid() in tree(os.getpid())


def test_every_operation_of_the_broker_can_be_measured(
    fresh_postgres_url: str, fresh_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "COUNTED", 2)
    monkeypatch.setattr(measure, "SETTLE_SECONDS", 0.0)
    stores = Stores(
        redis_url=fresh_redis_url,
        database_url=fresh_postgres_url,
        pids=[redis_pid(fresh_redis_url), postgres_pid(fresh_postgres_url)],
    )
    with (
        sides.standin() as upstream,
        sides.ours(
            Place(server_core=None),
            upstream=upstream,
            database_url=fresh_postgres_url,
            redis_url=fresh_redis_url,
            people=2,
        ) as side,
    ):
        bench = Bench([(side, stores)], Plan(rounds=2, seconds=0.0, warm_up=0.0, connections=2, count=3))
        bench.enroll()
        for operation in KINDS:
            bench.measure(operation)
            bench.count_statements(operation)
        bench.weigh()
    found = bench.results["ours"]
    assert {name: cost.operations for name, cost in found.costs.items()} == dict.fromkeys(KINDS, 6)
    assert all(cost.server_ms > 0 for cost in found.costs.values())
    assert found.peak_mib > 10
    assert "INSERT INTO audit_entries" in " ".join(found.sql["flow"])
    assert found.redis["flow"].total() >= 2
    assert found.redis["jwks"].total() == 0
    assert "federated sign-in" in told(bench.results, {}, statements=True)
    assert measure.COUNTED != COUNTED
