"""The demo registry is an honest relying party: it believes a broker only as far as the specifications go.

The broker here is a small one of the tests' own, so that it can misbehave.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, jsonify, request
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from broker.demo.logout_token import EVENT
from broker.demo.registry import TO_PUBLISH, create_registry

CLIENT_ID = "demo-registry"
URL = "http://localhost:1"


class Misbehaving:
    """An OpenID provider that says what a test wants. ``claims`` and the others change the honest answer."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {
            "sub": "ada",
            "name": "Ada",
            "email": "ada@example.org",
            "email_verified": True,
        }
        self.metadata: dict[str, Any] = {}
        self.sends_id_token = True
        self.refresh_token: str | None = "rt"
        self.token_error: str | None = None
        self.keys: dict[str, ECKey | RSAKey] = {
            "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
            "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
        }
        self.alg = "ES256"
        self.nonce = ""
        self.seen: list[Mapping[str, str]] = []
        self.revoked: list[str] = []
        self.app = Flask("misbehaving")
        self.app.add_url_rule("/.well-known/openid-configuration", view_func=self._discovery)
        self.app.add_url_rule("/jwks", view_func=self._jwks)
        self.app.add_url_rule("/token", view_func=self._token, methods=["POST"])
        self.app.add_url_rule("/revoke", view_func=self._revoke, methods=["POST"])
        self.app.add_url_rule("/userinfo", view_func=lambda: jsonify(self.userinfo), endpoint="userinfo")
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.issuer = f"http://localhost:{self._server.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _discovery(self) -> Any:
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }
        return jsonify(honest | self.metadata)

    def _jwks(self) -> Any:
        return jsonify(KeySet(list(self.keys.values())).as_dict(private=False))

    def _token(self) -> Any:
        self.seen.append(request.form.to_dict())
        if self.token_error is not None:
            return jsonify(error=self.token_error), 400
        body: dict[str, Any] = {"access_token": "at", "token_type": "Bearer", "expires_in": 600}
        if self.refresh_token is not None:
            body["refresh_token"] = self.refresh_token
        if self.sends_id_token:
            now = int(time.time())
            honest = {
                "iss": self.issuer,
                "aud": CLIENT_ID,
                "sub": "ada",
                "iat": now,
                "exp": now + 60,
                "sid": "s1",
                **({"nonce": self.nonce} if request.form["grant_type"] == "authorization_code" else {}),
            }
            claims = {name: value for name, value in (honest | self.claims).items() if value is not None}
            body["id_token"] = self.signed(claims)
        return jsonify(body)

    def _revoke(self) -> Any:
        self.revoked.append(request.form["token"])
        return jsonify({})

    def signed(self, claims: Mapping[str, Any], **header: str) -> str:
        """Return a JWT under the broker's key."""
        key = self.keys[self.alg]
        return jwt.encode({"alg": self.alg, "kid": key.kid, **header}, dict(claims), key, algorithms=[self.alg])

    def logout_token(self, typ: str = "logout+jwt", **changes: Any) -> str:
        """Return a logout token for the session, changed."""
        now = int(time.time())
        honest = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": "j", "sid": "s1"}
        claims = {**honest, "events": {EVENT: {}}, **changes}
        return self.signed({name: value for name, value in claims.items() if value is not None}, typ=typ)


@pytest.fixture
def broker() -> Iterator[Misbehaving]:
    op = Misbehaving()
    yield op
    op.stop()


@pytest.fixture
def registry(broker: Misbehaving) -> Flask:
    return create_registry(url=URL, issuer=broker.issuer, client_id=CLIENT_ID, client_secret=secrets.token_urlsafe(32))


@pytest.fixture
def browser(registry: Flask) -> FlaskClient:
    return registry.test_client()


def login(browser: FlaskClient, broker: Misbehaving, **asked: str) -> dict[str, str]:
    """Press "Sign in"; return what the broker is asked."""
    sent = browser.get("/login", query_string=asked)
    assert sent.status_code == 302
    parameters = {name: value for name, (value,) in parse_qs(urlsplit(sent.headers["Location"]).query).items()}
    broker.nonce = parameters["nonce"]
    return parameters


def come_back(browser: FlaskClient, broker: Misbehaving, parameters: Mapping[str, str], **changes: str) -> TestResponse:
    answer = {"code": "abc", "state": parameters["state"], "iss": broker.issuer} | changes
    return browser.get("/callback", query_string={name: value for name, value in answer.items() if value})


def test_it_asks_as_it_should(browser: FlaskClient, broker: Misbehaving) -> None:
    asked = login(
        browser, broker, prompt="login", max_age="60", acr_values="phr", claims="{}", provider="github", evil="x"
    )
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{URL}/callback"
    assert asked["scope"] == "openid profile email offline_access"
    passed = ("prompt", "max_age", "acr_values", "claims", "provider")
    assert [asked[name] for name in passed] == ["login", "60", "phr", "{}", "github"]
    assert "evil" not in asked


@pytest.mark.parametrize(
    "acr, words",
    [
        ("phrh", "on hardware"),
        ("phr", "no fake site"),
        ("https://refeds.org/profile/mfa", "more than a password"),
        ("urn:vestibule:acr:mfa-enrolled", "is not proven"),
        ("urn:vestibule:acr:exempt", "exception"),
        ("something-else", "Nothing was proven"),
        (None, "Nothing was proven"),
    ],
)
def test_it_says_in_plain_words_how_strong_the_proof_is(
    browser: FlaskClient, broker: Misbehaving, acr: str | None, words: str
) -> None:
    broker.claims["acr"] = acr
    assert come_back(browser, broker, login(browser, broker)).status_code == 302
    page = browser.get("/").text
    assert words in page
    assert "Ada" in page
    learnt = browser.get("/whoami").get_json()
    assert learnt["id_token"].get("acr") == acr
    assert broker.seen[0]["code_verifier"]


def test_it_shows_that_an_address_is_not_verified(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.userinfo["email_verified"] = False
    come_back(browser, broker, login(browser, broker))
    assert "nobody has verified" in browser.get("/").text


def signed_in(browser: FlaskClient, broker: Misbehaving) -> None:
    assert come_back(browser, broker, login(browser, broker)).status_code == 302


def test_signing_out_forgets_here_and_leads_to_the_broker_and_back(browser: FlaskClient, broker: Misbehaving) -> None:
    signed_in(browser, broker)
    sent = browser.post("/logout")
    assert browser.get("/whoami").status_code == 401
    assert broker.revoked == ["rt"]
    assert sent.headers["Location"].startswith(f"{broker.issuer}/logout?")
    asked = parse_qs(urlsplit(sent.headers["Location"]).query)
    assert asked["post_logout_redirect_uri"] == [f"{URL}/goodbye"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert browser.get("/goodbye", query_string={"state": asked["state"][0]}).headers["Location"] == "/"
    assert browser.get("/goodbye", query_string={"state": asked["state"][0]}).status_code == 400
    assert "Sign in" in browser.get("/").text
    assert browser.post("/logout").headers["Location"] == "/"


def test_publishing_takes_a_strong_and_recent_sign_in(browser: FlaskClient, broker: Misbehaving) -> None:
    assert browser.get("/publish").headers["Location"] == "/login"
    broker.claims |= {"acr": TO_PUBLISH.acr_values[-1], "auth_time": int(time.time()) - 600}
    signed_in(browser, broker)
    sent = browser.get("/publish")
    asked = {name: value for name, (value,) in parse_qs(urlsplit(sent.headers["Location"]).query).items()}
    assert asked["max_age"] == "300"
    assert json.loads(asked["claims"])["id_token"]["acr"] == {"essential": True, "values": list(TO_PUBLISH.acr_values)}
    broker.nonce = asked["nonce"]
    broker.claims["auth_time"] = int(time.time())
    assert come_back(browser, broker, asked).status_code == 302
    assert "Published" in browser.get("/publish").text


def test_renewed_tokens_replace_the_old_ones(browser: FlaskClient, broker: Misbehaving) -> None:
    signed_in(browser, broker)
    broker.refresh_token = "rt2"
    broker.userinfo["name"] = "Ada, renamed"
    assert browser.post("/renew").headers["Location"] == "/"
    assert broker.seen[-1]["grant_type"] == "refresh_token"
    assert broker.seen[-1]["refresh_token"] == "rt"
    assert "Ada, renamed" in browser.get("/").text
    assert "nonce" not in browser.get("/whoami").get_json()["id_token"]
    browser.post("/logout")
    assert broker.revoked == ["rt2"]


@pytest.mark.parametrize("claims", [{"sub": "eve"}, {"iss": "https://evil.example"}, {"auth_time": 1}])
def test_renewed_tokens_that_tell_of_another_sign_in_are_refused(
    browser: FlaskClient, broker: Misbehaving, claims: dict[str, Any]
) -> None:
    signed_in(browser, broker)
    before = browser.get("/whoami").get_json()
    broker.claims |= claims
    assert browser.post("/renew").status_code == 400
    assert browser.get("/whoami").get_json() == before


def test_without_a_refresh_token_the_tokens_are_not_renewed(browser: FlaskClient, broker: Misbehaving) -> None:
    assert browser.post("/renew").headers["Location"] == "/login"
    broker.refresh_token = None
    signed_in(browser, broker)
    assert "Renew" not in browser.get("/").text
    assert browser.post("/renew").headers["Location"] == "/login"
    browser.post("/logout")
    assert broker.revoked == []


def test_renewed_tokens_without_an_id_token_are_refused(browser: FlaskClient, broker: Misbehaving) -> None:
    signed_in(browser, broker)
    broker.sends_id_token = False
    assert "wrong_id_token" in browser.post("/renew").text


def test_who_cannot_renew_is_signed_out(browser: FlaskClient, broker: Misbehaving) -> None:
    signed_in(browser, broker)
    broker.token_error = "invalid_grant"
    assert "invalid_grant" in browser.post("/renew").text
    assert browser.get("/whoami").status_code == 401


def tell(browser: FlaskClient, token: str) -> int:
    return browser.post("/backchannel-logout", data={"logout_token": token}).status_code


def test_a_session_that_ended_at_the_broker_ends_here(
    registry: Flask, browser: FlaskClient, broker: Misbehaving
) -> None:
    signed_in(browser, broker)
    assert tell(registry.test_client(), broker.logout_token(sid="another")) == 200
    assert browser.get("/whoami").status_code == 200
    assert tell(registry.test_client(), broker.logout_token()) == 200
    assert browser.get("/whoami").status_code == 401
    assert broker.revoked == ["rt"]
    assert tell(registry.test_client(), broker.logout_token()) == 200


def test_a_logout_token_under_a_new_key_is_believed(browser: FlaskClient, broker: Misbehaving) -> None:
    signed_in(browser, broker)
    broker.keys["ES256"] = ECKey.generate_key("P-256", {"kid": "newer"})
    assert tell(browser, broker.logout_token()) == 200
    assert browser.get("/whoami").status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "JWT"},
        {"iss": "https://evil.example"},
        {"aud": "another-registry"},
        {"exp": 1},
        {"iat": None},
        {"jti": None},
        {"sid": None},
        {"sid": 1},
        {"nonce": "n"},
        {"events": None},
        {"events": [EVENT]},
        {"events": {"another": {}}},
    ],
)
def test_what_is_not_a_logout_token_for_us_ends_nothing(
    browser: FlaskClient, broker: Misbehaving, changes: dict[str, Any]
) -> None:
    signed_in(browser, broker)
    assert tell(browser, broker.logout_token(**changes)) == 400
    assert tell(browser, "nonsense") == 400
    assert browser.get("/whoami").status_code == 200


def test_an_error_of_the_broker_is_shown_with_its_code(browser: FlaskClient, broker: Misbehaving) -> None:
    asked = login(browser, broker)
    page = come_back(browser, broker, asked, code="", error="login_required", error_description="<b>Sign in</b> first.")
    assert page.status_code == 400
    assert "login_required" in page.text
    assert "&lt;b&gt;Sign in&lt;/b&gt; first." in page.text


def test_an_error_without_words_is_shown_too(browser: FlaskClient, broker: Misbehaving) -> None:
    page = come_back(browser, broker, login(browser, broker), code="", error="server_error")
    assert "server_error" in page.text
    assert "The broker refused." in page.text


def test_an_error_at_the_token_endpoint_is_shown(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.token_error = "invalid_grant"
    page = come_back(browser, broker, login(browser, broker))
    assert page.status_code == 400
    assert "invalid_grant" in page.text


@pytest.mark.parametrize("changes", [{"iss": ""}, {"iss": "https://evil.example"}])
def test_an_answer_of_another_issuer_is_refused(
    browser: FlaskClient, broker: Misbehaving, changes: dict[str, str]
) -> None:
    page = come_back(browser, broker, login(browser, broker), **changes)
    assert "wrong_issuer" in page.text
    assert not broker.seen


@pytest.mark.parametrize("more", [{}, {"error": "access_denied", "code": ""}])
def test_an_answer_to_a_question_this_browser_did_not_ask_is_refused(
    registry: Flask, browser: FlaskClient, broker: Misbehaving, more: dict[str, str]
) -> None:
    asked = login(browser, broker)
    page = come_back(registry.test_client(), broker, asked, **more)
    assert "wrong_state" in page.text
    assert not broker.seen


def test_an_answer_is_taken_once(browser: FlaskClient, broker: Misbehaving) -> None:
    asked = login(browser, broker)
    assert come_back(browser, broker, asked).status_code == 302
    assert "wrong_state" in come_back(browser, broker, asked).text


def test_a_later_sign_in_replaces_one_under_way(browser: FlaskClient, broker: Misbehaving) -> None:
    first = login(browser, broker)
    second = login(browser, broker)
    assert "wrong_state" in come_back(browser, broker, first).text
    assert come_back(browser, broker, second).status_code == 302


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-registry"},
        {"aud": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    browser: FlaskClient, broker: Misbehaving, claims: dict[str, Any]
) -> None:
    broker.claims |= claims
    assert come_back(browser, broker, login(browser, broker)).status_code == 400
    assert browser.get("/whoami").status_code == 401


def test_a_token_of_another_algorithm_is_refused(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.alg = "RS256"
    page = come_back(browser, broker, login(browser, broker))
    assert page.status_code == 400
    assert "not valid" in page.text


def test_a_token_under_another_key_is_refused(browser: FlaskClient, broker: Misbehaving) -> None:
    asked = login(browser, broker)
    assert come_back(browser, broker, asked).status_code == 302
    broker.keys["ES256"] = ECKey.generate_key("P-256", {"kid": "ec"})
    assert come_back(browser, broker, login(browser, broker)).status_code == 400


def test_no_token_is_no_sign_in(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.sends_id_token = False
    assert "no_id_token" in come_back(browser, broker, login(browser, broker)).text


def test_userinfo_about_somebody_else_is_refused(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.userinfo["sub"] = "eve"
    assert "wrong_subject" in come_back(browser, broker, login(browser, broker)).text


@pytest.mark.parametrize("age", [None, 600])
def test_an_authentication_older_than_was_asked_is_refused(
    browser: FlaskClient, broker: Misbehaving, age: int | None
) -> None:
    broker.claims["auth_time"] = None if age is None else int(time.time()) - age
    page = come_back(browser, broker, login(browser, broker, max_age="60"))
    assert page.status_code == 400
    assert "too_old" in page.text


@pytest.mark.parametrize("max_age", ["60", "soon"])
def test_an_authentication_as_recent_as_was_asked_is_taken(
    browser: FlaskClient, broker: Misbehaving, max_age: str
) -> None:
    broker.claims["auth_time"] = int(time.time()) - 30
    assert come_back(browser, broker, login(browser, broker, max_age=max_age)).status_code == 302


def test_a_broker_that_calls_itself_by_another_name_is_refused(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.metadata["issuer"] = "https://evil.example"
    assert "wrong_issuer" in browser.get("/login").text


def test_a_broker_that_does_not_answer_is_told(browser: FlaskClient, broker: Misbehaving) -> None:
    broker.stop()
    page = browser.get("/login")
    assert page.status_code == 502
    assert "unreachable" in page.text


def test_its_pages_run_no_script_and_are_not_kept(browser: FlaskClient, broker: Misbehaving) -> None:
    page = browser.get("/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert f"form-action 'self' {broker.issuer};" in page.headers["Content-Security-Policy"], "signing out leads there"
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text
    assert "style=" not in page.text
    with browser.get("/static/registry.css") as sheet:
        assert sheet.status_code == 200
