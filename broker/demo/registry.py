"""A demo registry: an honest OpenID Connect relying party, on Authlib's client.

What a registry has to do beyond what its library does is marked with the section that asks for it.
"""

import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, Response, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException
from werkzeug.serving import WSGIRequestHandler, make_server

from broker.demo import mailbox
from broker.demo.logout_token import read_logout_token
from broker.registry.stepup import Challenge, satisfies

COOKIE = "demo-registry"
PASSED_THROUGH = ("acr_values", "max_age", "prompt", "claims", "provider")
CLOCK_TOLERANCE = 120  # seconds
ALG = "ES256"
# Reading takes a sign-in; publishing takes more than a setting of an account, and not from this morning.
TO_PUBLISH = Challenge(acr_values=("phrh", "phr", "https://refeds.org/profile/mfa"), max_age=300)

# What acr says, in words for people (the broker's design, "What proof is worth").
STRENGTH = {
    "phrh": "Phishing-resistant, on hardware: no fake site could have used what you signed in with.",
    "phr": "Phishing-resistant: no fake site could have used what you signed in with.",
    "https://refeds.org/profile/mfa": "Multi-factor: more than a password was given in this session.",
    "urn:vestibule:acr:mfa-enrolled": "MFA is switched on for your account. That it was used just now is not proven.",
    "urn:vestibule:acr:exempt": "Not proven: your organisation has an exception.",
}


class Refused(Exception):
    """A sign-in that came to nothing: a stable code, and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


@dataclass(slots=True, kw_only=True)
class Visit:
    """Somebody who is signed in here: the claims of the newest ID token, what userinfo said, and the tokens."""

    claims: dict[str, Any]
    userinfo: dict[str, Any]
    token: Mapping[str, Any]


SCOPE = "openid profile email offline_access"
"""What is asked for unless it is told otherwise."""


class Registry:
    """The relying party at ``url``, which trusts ``issuer``. It keeps visits in memory, by a key in the cookie."""

    def __init__(
        self, app: Flask, *, url: str, issuer: str, client_id: str, client_secret: str, scope: str, ca: str | None
    ) -> None:
        self._url = url
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._visits: dict[str, Visit] = {}
        self._client = OAuth(app).register(
            "vestibule",
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": scope,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic",
                "default_timeout": 10,
                "verify": ca or True,
            },
        )

    def home(self) -> str:
        """GET /: who is signed in, and how strong the proof is."""
        visit = self._visit()
        if visit is None:
            return render_template("registry.html")
        strength = STRENGTH.get(visit.claims.get("acr", ""), "Nothing was proven.")
        return render_template("registry.html", visit=visit, strength=strength)

    def login(self) -> ResponseReturnValue:
        """GET /login: send the browser to the broker."""
        return self._ask({name: request.args[name] for name in PASSED_THROUGH if name in request.args})

    def callback(self) -> ResponseReturnValue:
        """GET /callback: the browser is back."""
        self._check_metadata()
        if request.args.get("iss") != self._issuer:  # RFC 9207, section 2.4
            raise Refused("wrong_issuer", "This answer did not come from the broker.")
        if f"_state_vestibule_{request.args.get('state')}" not in session:  # in errors too
            raise Refused("wrong_state", "This browser did not begin that sign-in. Please begin again.")
        token = self._client.authorize_access_token(claims_options=self._claims_options())
        claims = token.get("userinfo")  # Authlib's name for the ID token's claims
        if claims is None:
            raise Refused("no_id_token", "The broker sent no ID token.")
        _check_max_age(claims, session.get("max_age"))
        userinfo = self._userinfo(token, claims)
        self._forget()
        session["visit"] = key = secrets.token_urlsafe(32)
        self._visits[key] = Visit(claims=dict(claims), userinfo=userinfo, token=token)
        return redirect(url_for("home"))

    def whoami(self) -> ResponseReturnValue:
        """GET /whoami: all that is known, as JSON."""
        visit = self._visit()
        if visit is None:
            return jsonify(error="not_signed_in"), 401
        return jsonify(id_token=visit.claims, userinfo=visit.userinfo)

    def publish(self) -> ResponseReturnValue:
        """GET /publish: something that takes more than being signed in (RFC 9470, inside one application)."""
        visit = self._visit()
        if visit is None:
            return redirect(url_for("login"))
        enough = satisfies(
            visit.claims, acr_values=TO_PUBLISH.acr_values, max_age=TO_PUBLISH.max_age, now=datetime.now(UTC)
        )
        if not enough:
            return self._ask(TO_PUBLISH.parameters(essential=True))
        return render_template("registry.html", visit=visit, published=True)

    def renew(self) -> ResponseReturnValue:
        """POST /renew: new tokens for the refresh token. They tell of the same sign-in."""
        visit = self._visit()
        if visit is None or "refresh_token" not in visit.token:
            return redirect(url_for("login"))
        self._check_metadata()
        try:
            token = self._client.fetch_access_token(
                grant_type="refresh_token", refresh_token=visit.token["refresh_token"]
            )
        except OAuthError:
            self._forget()
            raise
        claims = self._client.parse_id_token(token, nonce=None, claims_options=self._claims_options())
        told = ("iss", "sub", "auth_time")  # OpenID Connect Core 1.0, section 12.2
        if claims is None or any(claims.get(name) != visit.claims.get(name) for name in told):
            raise Refused("wrong_id_token", "The broker told about another sign-in.")
        visit.token, visit.claims, visit.userinfo = token, dict(claims), self._userinfo(token, claims)
        return redirect(url_for("home"))

    def logout(self) -> ResponseReturnValue:
        """POST /logout: forget the visitor here, and have the broker end its session (RP-Initiated Logout 1.0)."""
        visit = self._forget()
        if visit is None:
            return redirect(url_for("home"))
        sent: ResponseReturnValue = self._client.logout_redirect(
            f"{self._url}/goodbye", id_token_hint=visit.token["id_token"]
        )
        return sent

    def goodbye(self) -> ResponseReturnValue:
        """GET /goodbye: the browser is back from there."""
        self._client.validate_logout_response()
        return redirect(url_for("home"))

    def backchannel_logout(self) -> ResponseReturnValue:
        """POST /backchannel-logout: a session has ended at the broker (Back-Channel Logout 1.0, section 2.6)."""
        sid = read_logout_token(
            request.form.get("logout_token", ""),
            keys=lambda anew: KeySet.import_key_set(self._client.fetch_jwk_set(force=anew)),
            alg=ALG,
            issuer=self._issuer,
            client_id=self._client_id,
            leeway=CLOCK_TOLERANCE,
        )
        for key in [key for key, visit in list(self._visits.items()) if visit.claims["sid"] == sid]:
            self._end(key)
        return "", 200

    def _visit(self) -> Visit | None:
        return self._visits.get(session.get("visit", ""))

    def _forget(self) -> Visit | None:
        """End the visit of this browser, and return it."""
        visit = self._end(session.get("visit", ""))
        session.clear()
        return visit

    def _end(self, key: str) -> Visit | None:
        visit = self._visits.pop(key, None)
        if visit is not None and "refresh_token" in visit.token:
            # It outlives the session, so it is given back (RFC 7009).
            self._client.post(
                self._client.load_server_metadata()["revocation_endpoint"],
                data={"token": visit.token["refresh_token"]},
                auth=(self._client_id, self._client_secret),
                withhold_token=True,
            )
        return visit

    def _ask(self, asked: Mapping[str, str]) -> ResponseReturnValue:
        """Send the browser to the broker."""
        self._check_metadata()
        # One sign-in under way at a time: Authlib keeps each in the cookie, which holds 4 KB.
        for key in [key for key in session if key.startswith("_state_")]:
            session.pop(key)
        session["max_age"] = asked.get("max_age")
        sent: ResponseReturnValue = self._client.authorize_redirect(f"{self._url}/callback", **asked)
        return sent

    def _claims_options(self) -> dict[str, dict[str, object]]:
        return {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "sub": {"essential": True},
        }

    def _userinfo(self, token: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
        userinfo: Mapping[str, Any] = self._client.userinfo(token=token)
        if userinfo["sub"] != claims["sub"]:  # OpenID Connect Core 1.0, section 5.3.2
            raise Refused("wrong_subject", "The broker told about somebody else.")
        return dict(userinfo)

    def _check_metadata(self) -> None:
        found = self._client.load_server_metadata()
        if found.get("issuer") != self._issuer:  # OpenID Connect Discovery 1.0, section 4.3
            raise Refused("wrong_issuer", "The broker says that it is another one.")
        found["id_token_signing_alg_values_supported"] = [ALG]  # what we registered for, and nothing else


def create_registry(
    *, url: str, issuer: str, client_id: str, client_secret: str, scope: str = SCOPE, ca: str | None = None
) -> Flask:
    """Return the registry as a WSGI application. ``ca`` is a PEM file to verify the broker with."""
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_NAME=COOKIE, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    registry = Registry(
        app, url=url, issuer=issuer, client_id=client_id, client_secret=client_secret, scope=scope, ca=ca
    )
    app.add_url_rule("/", view_func=registry.home)
    app.add_url_rule("/login", view_func=registry.login)
    app.add_url_rule("/callback", view_func=registry.callback)
    app.add_url_rule("/whoami", view_func=registry.whoami)
    app.add_url_rule("/publish", view_func=registry.publish)
    app.add_url_rule("/renew", view_func=registry.renew, methods=["POST"])
    app.add_url_rule("/logout", view_func=registry.logout, methods=["POST"])
    app.add_url_rule("/goodbye", view_func=registry.goodbye)
    app.add_url_rule("/backchannel-logout", view_func=registry.backchannel_logout, methods=["POST"])
    app.register_error_handler(OAuthError, lambda error: _page(error.error, error.description))
    app.register_error_handler(Refused, lambda error: _page(error.code, error.sentence))
    app.register_error_handler(JoseError, lambda error: _page(error.error, "The broker's token is not valid."))
    app.register_error_handler(RequestException, lambda _: _page("unreachable", "The broker does not answer.", 502))
    # A browser holds what follows a form to its page's form-action, and signing out leads to the broker.
    app.after_request(lambda response: _private(response, issuer))
    return app


def _page(code: str, sentence: str, status: int = 400) -> ResponseReturnValue:
    return render_template("registry.html", error=code, sentence=sentence), status


def _private(response: Response, issuer: str) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; form-action 'self' {issuer}; frame-ancestors 'none'; base-uri 'none'"
    )
    return response


def _check_max_age(claims: Mapping[str, Any], max_age: str | None) -> None:
    """OpenID Connect Core 1.0, section 3.1.3.7, point 13: what was asked for must have been met."""
    if max_age is None or not max_age.isdecimal():
        return
    auth_time = claims.get("auth_time")
    if auth_time is None or time.time() - auth_time > int(max_age) + CLOCK_TOLERANCE:
        raise Refused("too_old", "The broker did not show that you signed in as recently as we asked.")


class _Quiet(WSGIRequestHandler):
    """An access log would repeat codes."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: ARG002 - Werkzeug's signature
        return


def main() -> None:
    """Serve on the port of ``REGISTRY_URL`` until SIGTERM or SIGINT, and show the mail in ``REGISTRY_MAIL``."""
    url = os.environ["REGISTRY_URL"]
    app = create_registry(
        url=url,
        issuer=os.environ["REGISTRY_ISSUER"],
        client_id=os.environ["REGISTRY_CLIENT_ID"],
        client_secret=os.environ["REGISTRY_CLIENT_SECRET"],
        scope=os.environ.get("REGISTRY_SCOPE") or SCOPE,
        ca=os.environ.get("REGISTRY_CA_BUNDLE") or None,
    )
    if os.environ.get("REGISTRY_MAIL"):
        app.register_blueprint(mailbox.blueprint(Path(os.environ["REGISTRY_MAIL"]), os.environ["REGISTRY_ISSUER"]))
    server = make_server("127.0.0.1", int(urlsplit(url).port or 80), app, threaded=True, request_handler=_Quiet)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        server.server_close()


if __name__ == "__main__":
    main()
