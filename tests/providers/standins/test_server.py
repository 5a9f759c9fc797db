"""The listeners: loopback or nothing, no secrets on disk, and a log that holds no person."""

import json
import os
import socket
import ssl
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from providers.standins import Canary, Seen, Standins, browser, people, register_all
from providers.standins.__main__ import REGISTRATIONS_FILE, main, registered
from providers.standins.browser import Stopped, sign_in
from providers.standins.codes import Codes, Grant, Problem
from providers.standins.forge import forge
from providers.standins.keys import KeyRing
from providers.standins.oidc_token import Bearers
from providers.standins.personas import OidcPersona, narrowed
from providers.standins.world import Log

from .flows import CALLBACK, Client

ROOT = Path(__file__).parents[3]


EVERYWHERE = "0.0.0.0"  # noqa: S104 - to be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "localhost", "example.org", ""])
def test_they_refuse_to_start_anywhere_but_on_loopback(host: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        Standins.start(registrations=[], host=host)


def test_both_listeners_are_bound_to_loopback(standins: Standins) -> None:
    assert [server.server_address[0] for server in standins._servers] == ["127.0.0.1", "127.0.0.1"]


def test_a_taken_port_is_an_error_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Standins.start(registrations=[], browser_port=port, ca_dir=tmp_path)
        with pytest.raises(OSError, match="in use"):
            Standins.start(registrations=[], backchannel_port=port, ca_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_request_under_another_name_is_refused(client: Client) -> None:
    for url in (client.url("entra"), f"{client.standins.backchannel_url}/oidc/jwks"):
        answer = client.session.get(url, headers={"Host": "attacker.invalid"}, timeout=30)
        assert answer.status_code == 400


def test_the_back_channel_has_a_certificate_of_the_private_ca_only(client: Client) -> None:
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"{client.standins.backchannel_url}/oidc/jwks", timeout=30)
    assert client.get("/oidc/jwks").status_code == 200


def test_a_client_that_never_shakes_hands_holds_nobody_up(client: Client) -> None:
    port = int(client.standins.backchannel_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)):
        assert client.get("/oidc/jwks").status_code == 200


def test_plain_http_on_the_back_channel_is_dropped(client: Client) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(client.standins.backchannel_url.replace("https", "http"), timeout=30)
    assert client.get("/oidc/jwks").status_code == 200


def test_only_the_cas_certificate_is_written_and_it_goes_with_the_stand_ins() -> None:
    with Standins.start(registrations=register_all([CALLBACK])) as standins:
        folder = standins.ca_file.parent
        assert [path.name for path in folder.iterdir()] == [standins.ca_file.name]
        assert "PRIVATE" not in standins.ca_file.read_text()
        assert len(ssl.create_default_context(cafile=str(standins.ca_file)).get_ca_certs()) == 1
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
    standins.stop()


def test_each_listener_has_its_own_pages_only(client: Client) -> None:
    assert client.get("/oidc/authorize").status_code == 404
    assert client.session.get(f"{client.standins.browser_url}/oidc/jwks", timeout=30).status_code == 404


def test_answers_are_never_cached(client: Client) -> None:
    assert client.get("/oidc/jwks").headers["Cache-Control"] == "no-store"


def test_the_log_of_requests_holds_names_and_what_was_asked_but_nobody(client: Client) -> None:
    client.tokens("entra", "entra-mfa", acr_values="phr", login_hint="canary-entra-mfa@personas.example")
    seen = client.standins.requests
    assert client.standins.redirects() == 1
    assert seen[0].asked["acr_values"] == "phr"
    assert "login_hint" in seen[0].parameters
    assert "canary" not in repr(seen)
    assert "the-state" not in repr(seen)
    client.standins.forget_requests()
    assert client.standins.requests == ()


def test_logs_and_stores_are_bounded(standins: Standins) -> None:
    log = Log()
    for _ in range(2100):
        log.add(Seen(host="localhost", path="/", method="GET", parameters=()))
    assert len(log.all()) == 2000
    grant = Grant(
        registration=standins.registration("oidc"),
        persona=standins.persona("oidc-mfa"),
        parameters={},
        mfa=False,
    )
    codes, bearers = Codes(), Bearers()
    first, token = codes.issue(grant), bearers.issue(grant)
    for _ in range(10_000):
        codes.issue(grant)
        bearers.issue(grant)
    assert codes.redeem(first, reusable=False, unfit=lambda _: None) is Problem.UNKNOWN
    assert bearers.find(token) is None


def test_of_many_redemptions_at_the_same_moment_one_wins(client: Client) -> None:
    code = client.code("oidc", "oidc-mfa")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.redeem("oidc", code).status_code, range(20)))
    assert sorted(answers) == [200, *[400] * 19]


def test_a_persona_of_another_provider_is_a_defect() -> None:
    person = next(person for person in people(Canary()) if person.provider == "github")
    with pytest.raises(TypeError, match="does not sign in here"):
        narrowed(person, OidcPersona)


def test_truthful_claims_count_whole_seconds() -> None:
    keys = KeyRing()
    with pytest.raises(TypeError, match="whole seconds"):
        forge({"iat": "now"}, {"alg": "RS256"}, keys["oidc"], keys, on=lambda name: name == "future_iat")


def test_more_redirect_uris_can_be_admitted_while_a_code_is_out() -> None:
    with Standins.start(registrations=register_all([CALLBACK])) as standins, Client(standins) as client:
        code = client.code("oidc", "oidc-mfa")
        standins.admit(["http://localhost:9000/callback"])
        assert client.redeem("oidc", code).status_code == 200
        assert "code" in client.back("oidc", "oidc-mfa", redirect_uri="http://localhost:9000/callback").parameters
        assert "code" in client.back("github", "2fa-true").parameters


def test_the_canary_can_be_another_word() -> None:
    with Standins.start(registrations=[], canary=Canary(word="finch", domain="birds.example")) as standins:
        assert standins.persona("2fa-true").email == "finch-2fa-true@birds.example"
        assert standins.persona("2fa-true").name == "Finch 2fa-true"
        with pytest.raises(KeyError):
            standins.persona("nobody")


# The browser for tests


def test_the_browser_goes_to_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        sign_in("https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "msa-mfa")


def test_the_browser_says_when_a_page_does_not_offer_the_persona(client: Client) -> None:
    with pytest.raises(KeyError, match="msa-mfa"):
        sign_in(client.url("entra"), "msa-mfa")


def test_the_browser_stops_where_a_page_leads_nowhere(client: Client) -> None:
    url = f"{client.standins.browser_url}/organizations/oauth2/v2.0/logout"
    with pytest.raises(Stopped, match="You signed out") as stopped:
        sign_in(url, "entra-mfa")
    assert stopped.value.status == 200


def test_the_browser_gives_up_on_endless_questions(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "MOST_PAGES", 1)
    with pytest.raises(Stopped, match="too many pages"):
        sign_in(client.url("oidc", acr_values="phr"), "oidc-mfa")


# The command line


def test_secrets_are_on_file_for_their_owner_only_and_stay_the_same(tmp_path: Path) -> None:
    first = registered(tmp_path / "ca", [CALLBACK])
    path = tmp_path / "ca" / REGISTRATIONS_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert registered(tmp_path / "ca", []) == first
    moved = registered(tmp_path / "ca", ["http://localhost:9000/callback"])
    assert {one.redirect_uris for one in moved} == {("http://localhost:9000/callback",)}
    assert [one.client_secret for one in moved] == [one.client_secret for one in first]
    assert set(json.loads(path.read_text())) == {"microsoft_account", "entra", "github", "oidc"}


def test_the_command_line_tells_the_personas_and_then_the_addresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = Event()
    stop.set()
    arguments = ["--browser-port", "0", "--backchannel-port", "0", "--ca-dir", str(tmp_path)]
    assert main([*arguments, "--issuer-callbacks", CALLBACK], stop) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("entra ") and "entra-mfa" in line for line in lines)
    assert lines[-1].startswith("ready: http://127.0.0.1:")


def test_the_command_line_refuses_another_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--ca-dir", str(tmp_path), "--host", EVERYWHERE])
    assert exit.value.code == 2
    assert "127.0.0.1 only" in capsys.readouterr().err


def test_the_command_ends_cleanly_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "providers.standins", "--browser-port", "0", "--backchannel-port", "0"]
    with subprocess.Popen(
        [*command, "--ca-dir", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        reader = Thread(target=lambda out: lines.extend(out), args=(process.stdout,))
        reader.start()
        while not any(line.startswith("ready: ") for line in lines):
            assert process.poll() is None
            reader.join(0.05)
        process.terminate()
        assert process.wait(30) == 0
        reader.join()
