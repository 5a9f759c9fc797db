"""The demo: the main job as anybody can try it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from click.testing import CliRunner

from broker.cli import main
from broker.demo.addresses import LAST_BASE, Addresses
from broker.events.mailer import DirectoryMailer, Mail
from providers.standins import NORTHWIND
from tests.demo.conftest import READY_SECONDS, ROOT, TIMEOUT, Demo, free_base, running, started, title

REFEDS_MFA = "https://refeds.org/profile/mfa"
ENROLLED = "urn:vestibule:acr:mfa-enrolled"


@pytest.mark.parametrize(
    "provider, persona, acr, amr",
    [
        ("microsoft", "msa-mfa", REFEDS_MFA, ["mfa"]),
        ("entra", "entra-mfa", REFEDS_MFA, ["mfa", "pwd"]),
        ("github", "2fa-true", ENROLLED, None),
        ("generic", "oidc-phr", "phr", ["mfa"]),
    ],
)
def test_a_persona_signs_in_and_the_registry_sees_what_was_proven(
    demo: Demo, provider: str, persona: str, acr: str, amr: list[str] | None
) -> None:
    visitor = demo.visitor()
    landed = visitor.login(persona, provider=provider)
    assert landed.status_code == 200
    assert title(landed).startswith("Welcome")
    learnt = visitor.whoami()
    assert learnt is not None
    token = learnt["id_token"]
    assert token["acr"] == acr
    assert token["iss"] == demo.addresses.issuer
    assert token["aud"] == "demo-registry"
    if amr is None:
        assert "amr" not in token
        assert "auth_time" not in token
    else:
        assert set(amr) <= set(token["amr"])  # type: ignore[call-overload]  # JSON
    assert learnt["userinfo"]["sub"] == token["sub"]
    assert "email" in learnt["userinfo"]


def test_a_refusal_says_what_is_missing_and_signs_nobody_in(demo: Demo) -> None:
    visitor = demo.visitor()
    refused = visitor.login("2fa-false", provider="github")
    assert refused.status_code == 403
    assert refused.url.startswith(demo.addresses.issuer)
    assert "two-factor" in refused.text
    assert visitor.whoami() is None


def test_what_is_asked_of_the_registry_is_passed_through(demo: Demo) -> None:
    visitor = demo.visitor()
    silent = visitor.login(None, prompt="none")
    assert silent.status_code == 400
    assert "login_required" in silent.text
    assert visitor.login("msa-stale", provider="microsoft", max_age="300", acr_values=REFEDS_MFA).ok
    learnt = visitor.whoami()
    assert learnt is not None
    issued, signed_in = learnt["id_token"]["iat"], learnt["id_token"]["auth_time"]
    assert isinstance(issued, int)
    assert isinstance(signed_in, int)
    assert issued - signed_in <= 300
    claims = '{"id_token": {"acr": {"essential": true, "values": ["phrh"]}}}'
    unmet = visitor.login("msa-mfa", provider="microsoft", claims=claims, prompt="login")
    assert unmet.status_code >= 400


def test_without_a_provider_the_broker_lets_the_visitor_choose(demo: Demo) -> None:
    chooser = demo.visitor().login(None)
    assert chooser.status_code == 200
    for name in ("Microsoft", "Work account", "GitHub", "Example ID"):
        assert name in chooser.text


def test_a_session_at_the_broker_signs_in_again_until_signing_out_ends_it(demo: Demo) -> None:
    visitor = demo.visitor()
    visitor.login("entra-mfa", provider="entra")
    before = visitor.whoami()
    assert before is not None
    assert visitor.login(None, prompt="none").ok
    after = visitor.whoami()
    assert after is not None
    assert after["id_token"]["sub"] == before["id_token"]["sub"]
    assert after["id_token"]["auth_time"] == before["id_token"]["auth_time"]

    assert visitor.press("logout").url == f"{demo.addresses.registry}/"
    assert visitor.whoami() is None
    assert "login_required" in visitor.login(None, prompt="none").text


def test_the_registry_asks_for_more_and_renews_its_tokens(demo: Demo) -> None:
    visitor = demo.visitor()
    visitor.login("entra-stale", provider="entra")
    before = visitor.whoami()
    assert before is not None
    chooser = visitor.follow(visitor.get(f"{demo.addresses.registry}/publish"), None)
    link = re.search(r'href="(/signin/[^"]+/entra)"', chooser.text)
    assert link is not None
    assert visitor.follow(visitor.get(demo.addresses.issuer + link[1]), "entra-stale").ok
    assert "Published" in visitor.get(f"{demo.addresses.registry}/publish").text
    strong = visitor.whoami()
    assert strong is not None
    assert strong["id_token"]["auth_time"] > before["id_token"]["auth_time"]  # type: ignore[operator]  # JSON

    assert visitor.press("renew").ok
    renewed = visitor.whoami()
    assert renewed is not None
    assert renewed["id_token"]["auth_time"] == strong["id_token"]["auth_time"]
    assert "nonce" not in renewed["id_token"]


def test_the_registry_hears_of_a_session_that_ended_at_the_broker(demo: Demo) -> None:
    visitor = demo.visitor()
    visitor.login("entra-mfa", provider="entra")
    page = visitor.get(f"{demo.addresses.issuer}/logout")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    form = {"csrf_token": token[1]}
    ended = visitor.http.post(f"{demo.addresses.issuer}/logout/confirm", data=form, timeout=TIMEOUT)
    assert ended.ok
    end = time.monotonic() + READY_SECONDS
    while visitor.whoami() is not None:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_cookies_of_registry_and_broker_do_not_meet(demo: Demo) -> None:
    visitor = demo.visitor()
    visitor.login("entra-mfa", provider="entra")
    names = [cookie.name for cookie in visitor.http.cookies]
    assert "demo-registry" in names
    assert len(names) >= 2
    assert len(names) == len(set(names))


def test_every_persona_can_be_met_at_its_provider(demo: Demo) -> None:
    listed = re.findall(r"^    (\S+) {2,}\S", demo.said, re.MULTILINE)
    assert len(listed) >= 40
    assert demo.addresses.registry in demo.said
    pages = {
        provider: demo.visitor().http.get(
            f"{demo.addresses.registry}/login", params={"provider": provider}, timeout=TIMEOUT
        )
        for provider in ("microsoft", "entra", "github", "generic")
    }
    offered = {name for page in pages.values() for name in re.findall(r'name="persona" value="([^"]+)"', page.text)}
    assert set(listed) <= offered


def test_mail_goes_to_a_page_that_shows_it(demo: Demo) -> None:
    assert f"{demo.addresses.registry}/mail " in demo.said
    mail = Mail(id="1", to="ada@contoso.example", subject="A link", text="Here.", written_at=datetime.now(UTC))
    DirectoryMailer(sender="vestibule@localhost", path=demo.data / "mail").send(mail)
    shown = demo.visitor().get(f"{demo.addresses.registry}/mail")
    assert shown.status_code == 200
    assert "ada@contoso.example" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"


def test_an_operator_is_made_as_the_start_page_says(demo: Demo) -> None:
    assert NORTHWIND in demo.said
    command = re.search(r"^ +vestibule (--config \S+ operators add) ACCOUNT_ID$", demo.said, re.MULTILINE)
    assert command is not None
    visitor = demo.visitor()
    chooser = visitor.follow(visitor.get(f"{demo.addresses.issuer}/account"), None)
    link = re.search(r'href="(/signin/[^"]+/entra)"', chooser.text)
    assert link is not None
    account = visitor.follow(visitor.get(demo.addresses.issuer + link[1]), "entra-admin")
    onward = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', account.text)
    page = account if onward is None else visitor.get(demo.addresses.issuer + onward[1])
    account_id = re.search(r"Account id[^<]*<span class=\"code\">([0-9a-f-]{36})<", page.text)
    assert account_id is not None
    assert visitor.get(f"{demo.addresses.issuer}/operator").status_code == 404
    made = CliRunner().invoke(main, [*command[1].split(), account_id[1]])
    assert made.exit_code == 0, made.output
    assert visitor.get(f"{demo.addresses.issuer}/operator").status_code == 200


def test_an_old_account_is_claimed_as_the_start_page_says(demo: Demo) -> None:
    issuer, visitor = demo.addresses.issuer, demo.visitor()
    told = re.search(rf"At {issuer}(/claim) name the account (\S+),[\s\S]+?the password:\n +(.+)\n", demo.said)
    assert told is not None
    page, name, password = told.groups()

    def send(path: str, here: str, **fields: str) -> str:
        shown = visitor.get(issuer + here).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
        assert token is not None
        form = {"csrf_token": token[1], **fields}
        sent = visitor.http.post(issuer + path, data=form, allow_redirects=False, timeout=TIMEOUT)
        assert sent.status_code == 303, sent.text
        return urlsplit(urljoin(issuer, sent.headers["Location"])).path

    attempt = send(page, page, account=name)
    send(f"{attempt}/password", attempt, password=password)
    assert "proven</span>" not in visitor.get(issuer + attempt).text
    send(f"{attempt}/mail", attempt)
    end = time.monotonic() + READY_SECONDS
    while (link := re.search(rf'href="{issuer}(/claim/link/[^"]+)"', _mail(demo))) is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert send(link[1], link[1]) == attempt
    assert '"password">Its old password <span class="tag good">proven</span>' in visitor.get(issuer + attempt).text


def _mail(demo: Demo) -> str:
    return demo.visitor().get(f"{demo.addresses.registry}/mail").text


def test_everything_it_writes_is_the_owners_alone(demo: Demo) -> None:
    assert demo.data.stat().st_mode & 0o077 == 0
    for name in ("vestibule.toml", "vestibule.db", "standins-registrations.json", "broker.log"):
        assert (demo.data / name).stat().st_mode & 0o077 == 0


def test_a_probe_of_a_stand_in_proves_it(demo: Demo) -> None:
    command = [sys.executable, "-m", "broker.cli", f"--config={demo.data / 'vestibule.toml'}"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "probe", "github"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as probe:
        assert probe.stdout is not None
        page = next(line.strip() for line in probe.stdout if "/probe/" in line)
        try:
            visitor = demo.visitor()
            chooser = visitor.follow(visitor.get(page), None)
            link = re.search(r'href="(/signin/[^"]+/github)"', chooser.text)
            assert link is not None
            response = visitor.follow(visitor.get(demo.addresses.issuer + link[1]), "2fa-true")
            output, _ = probe.communicate(timeout=60)
        finally:
            probe.kill()
    assert response.ok
    assert probe.returncode == 0
    assert "github is proven" in output
    shown = subprocess.run([*command, "providers"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"github +github +GitHub +proven", shown)


def test_it_stops_cleanly_and_starts_again_where_it_was(tmp_path: Path) -> None:
    base = free_base()
    with running(tmp_path / "data", base) as first:
        visitor = first.visitor()
        visitor.login("entra-mfa", provider="entra")
        before = visitor.whoami()
        children = first.children()
        assert len(children) == 3
        assert "has stopped" in first.stop(signal.SIGINT)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]

    path = tmp_path / "data" / "vestibule.toml"
    edited = path.read_text().replace('name = "GitHub"', 'name = "GitHub"\nenabled = false')
    path.write_text(edited)
    moved = free_base()
    with running(tmp_path / "data", moved, "--https") as second:
        assert path.read_text() == edited
        assert "for this run alone" in second.said
        chooser = second.visitor().login(None)
        assert chooser.url.startswith(f"https://localhost:{moved}/")
        assert "GitHub" not in chooser.text
        visitor = second.visitor()
        assert visitor.login("entra-mfa", provider="entra").ok
        after = visitor.whoami()
        assert second.stop(signal.SIGTERM)
    assert before is not None
    assert after is not None
    assert after["id_token"]["sub"] == before["id_token"]["sub"]
    assert after["id_token"]["iss"] == f"https://localhost:{moved}"


def test_it_can_be_stopped_while_it_starts(tmp_path: Path) -> None:
    with started(tmp_path, free_base()) as process:
        end = time.monotonic() + READY_SECONDS
        while not (tmp_path / "stand-ins.log").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=READY_SECONDS)
    assert process.returncode == 0, output
    assert "Ctrl-C stops it all" not in output
    assert not (tmp_path / "demo-registry.log").exists()


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    base = free_base()
    with socket.create_server(("127.0.0.1", base + 1)), started(tmp_path, base) as process:
        output, _ = process.communicate(timeout=READY_SECONDS)
    assert process.returncode == 2
    assert f"Port {base + 1}, for the demo registry, is taken" in output
    assert f"--port-base {base + 1000 if base + 1000 <= LAST_BASE else 8000}" in output


def test_a_mistake_in_its_configuration_is_named_and_nothing_keeps_running(tmp_path: Path) -> None:
    base = free_base()
    (tmp_path / "vestibule.toml").write_text('issuer = "http://localhost:8000"\n[mail]\nsender = "nobody"\n')
    with started(tmp_path, base) as process:
        output, _ = process.communicate(timeout=READY_SECONDS)
    assert process.returncode == 2
    assert "  - mail.sender is not an email address" in output
    assert "  - secrets is missing" in output
    for port in Addresses(base=base, https=False).ports().values():
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}", timeout=TIMEOUT)


def test_a_configuration_that_is_no_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "vestibule.toml").write_text("issuer = \n")
    with started(tmp_path, free_base()) as process:
        output, _ = process.communicate(timeout=READY_SECONDS)
    assert process.returncode == 2
    assert "is not TOML" in output


def test_a_registry_that_was_taken_out_of_the_configuration_is_missed(tmp_path: Path) -> None:
    base = free_base()
    addresses = Addresses(base=base, https=False)
    from broker.demo.configuration import prepare

    path = prepare(tmp_path, addresses)
    text = path.read_text()
    path.write_text(text.replace("[clients.demo-registry]", "[clients.other]"))
    with started(tmp_path, base) as process:
        output, _ = process.communicate(timeout=READY_SECONDS)
    assert process.returncode == 2
    assert "clients.demo-registry" in output
    assert "--data" in output


def test_when_a_part_ends_by_itself_the_whole_demo_does(tmp_path: Path) -> None:
    with running(tmp_path, free_base()) as demo:
        os.kill(demo.children()[-1], signal.SIGKILL)
        output, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 2
    assert "The demo registry stopped by itself" in output
