"""serve: real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import trustme

from tests.cli.conftest import Run
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


@contextmanager
def serving(
    config: Path, environ: Mapping[str, str], url: str, verify: str | bool = True, prefix: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "broker.cli", "--config", str(config), "serve"],
        cwd=ROOT,
        env={**os.environ, "VESTIBULE__LISTEN__DRAIN": "0", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(lambda: process.poll() is not None or status(url, verify) is not None)
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def status(url: str, verify: str | bool = True) -> int | None:
    """Return the status of the answer, none where nobody listens."""
    try:
        return requests.get(url, timeout=5, verify=verify).status_code
    except requests.ConnectionError:
        return None


def at(port: int, **more: str) -> dict[str, str]:
    return {"VESTIBULE__ISSUER": f"http://localhost:{port}", "VESTIBULE__LISTEN__PORT": str(port), **more}


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_no_thread_takes_the_core_from_another_unless_the_operator_has_it_otherwise(ready: Run, config: Path) -> None:
    port = free_port()
    with serving(config, at(port), f"http://localhost:{port}/readyz") as process:
        assert policies(process.pid) == {os.SCHED_BATCH}
    with serving(config, at(port), f"http://localhost:{port}/readyz", prefix=["chrt", "--idle", "0"]) as process:
        assert policies(process.pid) == {os.SCHED_IDLE}


def policies(pid: int) -> set[int]:
    """Return how the threads of a server's processes are scheduled."""
    threads = [int(each.name) for one in (pid, *children(pid)) for each in Path(f"/proc/{one}/task").iterdir()]
    assert len(threads) > 2
    return {os.sched_getscheduler(each) for each in threads}


def test_it_serves_until_it_is_told_to_stop_and_logs_json(ready: Run, config: Path) -> None:
    port = free_port()
    base = f"http://localhost:{port}"
    with serving(config, at(port), f"{base}/readyz") as process:
        document = requests.get(f"{base}/.well-known/openid-configuration", timeout=10).json()
        assert document["issuer"] == base
        assert requests.get(f"{base}/readyz", timeout=10).json() == {
            "status": "ready",
            "checks": {"database": True, "store": True, "signing_keys": True, "not_draining": True},
            "notes": {},
        }
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    first, *lines = output.splitlines()
    assert first == f"Serving {base} on 127.0.0.1:{port}."
    events = [json.loads(line) for line in lines]
    assert any(event.get("switch") == "providers.off.insecure_allow_unproven" for event in events)
    assert {event["state"] for event in events if event["event"] == "provider"} == {"unproven", "disabled"}
    assert [event["background"] for event in events if event["event"] == "serving"] == ["here"]
    assert not any("probes" in event.get("endpoint", "") for event in events)


def test_it_serves_tls_where_it_has_a_certificate(ready: Run, config: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    port = free_port()
    base, ca = f"https://localhost:{port}", str(tmp_path / "ca.pem")
    environ = {
        "VESTIBULE__ISSUER": base,
        "VESTIBULE__LISTEN__PORT": str(port),
        "VESTIBULE__LISTEN__DRAIN": "600",  # Ctrl-C does not wait for it
        "VESTIBULE__LISTEN__TLS_CERTIFICATE": str(tmp_path / "cert.pem"),
        "VESTIBULE__LISTEN__TLS_KEY": str(tmp_path / "key.pem"),
    }
    with serving(config, environ, base, ca) as process:
        assert requests.get(f"{base}/jwks", timeout=10, verify=ca).status_code == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_it_is_not_ready_at_once_and_ends_when_what_is_under_way_is_done(ready: Run, config: Path) -> None:
    port = free_port()
    base = f"http://localhost:{port}"
    with serving(config, at(port, VESTIBULE__LISTEN__DRAIN="1"), f"{base}/readyz") as process:
        with socket.create_connection(("127.0.0.1", port)) as slow:
            body = b"grant_type=client_credentials"
            slow.sendall(b"POST /token HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n" % port)
            slow.sendall(b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body))
            process.send_signal(signal.SIGTERM)
            wait_for(lambda: status(f"{base}/readyz") == 503)
            assert requests.get(f"{base}/readyz", timeout=5).json()["checks"]["not_draining"] is False
            # Whoever has not heard of it yet is still answered.
            assert status(f"{base}/livez") == status(f"{base}/jwks") == 200
            wait_for(lambda: status(f"{base}/readyz") is None)
            assert process.poll() is None
            slow.sendall(body)
            assert slow.makefile("rb").readline().startswith(b"HTTP/1.1 401 ")
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_a_process_that_dies_is_started_again_and_none_outlives_the_one_above(ready: Run, config: Path) -> None:
    port = free_port()
    base = f"http://localhost:{port}"
    with serving(config, at(port), f"{base}/readyz") as process:
        (died,) = children(process.pid)
        os.kill(died, signal.SIGKILL)
        wait_for(lambda: children(process.pid) not in ([], [died]) and status(f"{base}/readyz") == 200)
        process.kill()
        wait_for(lambda: status(f"{base}/livez") is None)


def test_a_signal_while_it_starts_ends_it(ready: Run, config: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "--config", str(config), "serve"],
        cwd=ROOT,
        env={**os.environ, **at(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Serving")
        wait_for(lambda: bool(children(process.pid)))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_is_taken_is_told(ready: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("VESTIBULE__LISTEN__PORT", str(port))
        done = ready("serve")
    assert done.exit_code == 2
    assert f"Port {port} of 127.0.0.1 is taken" in done.output


def test_an_address_that_is_not_this_machines_is_told(
    ready: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.conftest._is_loopback", lambda _: True)  # nothing is sent there
    monkeypatch.setenv("VESTIBULE__LISTEN__HOST", "192.0.2.1")
    done = ready("serve")
    assert done.exit_code == 2
    assert "Cannot assign" in done.output


def test_several_processes_need_a_database_and_a_store_of_their_own(
    vestibule: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = vestibule("serve", "--workers", "2")
    assert done.exit_code == 2
    for key, right in (("database", "postgresql://"), ("store", "redis://")):
        assert f"- {key} is for one process, and listen.workers (serve --workers) is 2" in done.output
        assert right in done.output
    monkeypatch.setenv("VESTIBULE__LISTEN__WORKERS", "2")
    assert "store is for one process" in vestibule("check-config").output
    monkeypatch.setenv("VESTIBULE__STORE__URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("VESTIBULE__DATABASE__URL", "postgresql://vestibule@127.0.0.1/vestibule")
    assert vestibule("check-config").exit_code == 0


def test_what_serve_does_not_need_is_not_imported_for_it() -> None:
    heavy = ("alembic", "broker.demo", "broker.commands.migrate", "trustme", "prometheus_client")
    code = (
        "import sys, broker.cli, broker.commands.serve, broker.commands.serving, broker.app\n"
        f"print([each for each in {heavy!r} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
