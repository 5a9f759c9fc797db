"""serve: one real process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
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
    config: Path, environ: Mapping[str, str], url: str, verify: str | bool = True
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "--config", str(config), "serve"],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                requests.get(url, timeout=5, verify=verify)
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_serves_until_it_is_told_to_stop_and_logs_json(ready: Run, config: Path) -> None:
    port = free_port()
    base = f"http://localhost:{port}"
    environ = {"VESTIBULE__ISSUER": base, "VESTIBULE__LISTEN__PORT": str(port)}
    with serving(config, environ, base) as process:
        document = requests.get(f"{base}/.well-known/openid-configuration", timeout=10).json()
        assert document["issuer"] == base
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0, output
    first, *lines = output.splitlines()
    assert first == f"Serving {base} on 127.0.0.1:{port}."
    events = [json.loads(line) for line in lines]
    assert any(event.get("switch") == "providers.off.insecure_allow_unproven" for event in events)
    assert {event["state"] for event in events if event["event"] == "provider"} == {"unproven", "disabled"}


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
        "VESTIBULE__LISTEN__TLS_CERTIFICATE": str(tmp_path / "cert.pem"),
        "VESTIBULE__LISTEN__TLS_KEY": str(tmp_path / "key.pem"),
    }
    with serving(config, environ, base, ca) as process:
        assert requests.get(f"{base}/jwks", timeout=10, verify=ca).status_code == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0


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
