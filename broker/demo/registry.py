"""A demo registry: an honest OpenID Connect relying party, on Authlib's client.

What a registry has to do beyond what its library does is marked with the section that asks for it.
"""

import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, Response, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.serving import WSGIRequestHandler, make_server

COOKIE = "demo-registry"
PASSED_THROUGH = ("acr_values", "max_age", "prompt", "claims", "provider")
CLOCK_TOLERANCE = 120  # seconds
ALG = "ES256"

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


class Registry:
    """The relying party at ``url``, which trusts ``issuer``. What it knows of a visitor is in a signed cookie."""

    def __init__(
        self, app: Flask, *, url: str, issuer: str, client_id: str, client_secret: str, ca: str | None
    ) -> None:
        self._url = url
        self._issuer = issuer
        self._client_id = client_id
        self._client = OAuth(app).register(
            "vestibule",
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic",
                "default_timeout": 10,
                "verify": ca or True,
            },
        )

    def home(self) -> str:
        """GET /: who is signed in, and how strong the proof is."""
        claims = session.get("id_token")
        strength = STRENGTH.get(claims.get("acr", ""), "Nothing was proven.") if claims else None
        return render_template("registry.html", claims=claims, userinfo=session.get("userinfo"), strength=strength)

    def login(self) -> ResponseReturnValue:
        """GET /login: send the browser to the broker."""
        self._check_metadata()
        # One sign-in under way at a time: Authlib keeps each in the cookie, which holds 4 KB.
        for key in [key for key in session if key.startswith("_state_")]:
            session.pop(key)
        asked = {name: request.args[name] for name in PASSED_THROUGH if name in request.args}
        session["max_age"] = asked.get("max_age")
        sent: ResponseReturnValue = self._client.authorize_redirect(f"{self._url}/callback", **asked)
        return sent

    def callback(self) -> ResponseReturnValue:
        """GET /callback: the browser is back."""
        self._check_metadata()
        if request.args.get("iss") != self._issuer:  # RFC 9207, section 2.4
            raise Refused("wrong_issuer", "This answer did not come from the broker.")
        if f"_state_vestibule_{request.args.get('state')}" not in session:  # in errors too
            raise Refused("wrong_state", "This browser did not begin that sign-in. Please begin again.")
        token = self._client.authorize_access_token(
            claims_options={
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._client_id},
                "sub": {"essential": True},
            }
        )
        claims = token.get("userinfo")  # Authlib's name for the ID token's claims
        if claims is None:
            raise Refused("no_id_token", "The broker sent no ID token.")
        _check_max_age(claims, session.get("max_age"))
        userinfo = self._client.userinfo(token=token)
        if userinfo["sub"] != claims["sub"]:  # OpenID Connect Core 1.0, section 5.3.2
            raise Refused("wrong_subject", "The broker told about somebody else.")
        session.clear()
        session["id_token"], session["userinfo"] = dict(claims), dict(userinfo)
        return redirect(url_for("home"))

    def whoami(self) -> ResponseReturnValue:
        """GET /whoami: all that is known, as JSON."""
        if "id_token" not in session:
            return jsonify(error="not_signed_in"), 401
        return jsonify(id_token=session["id_token"], userinfo=session["userinfo"])

    def logout(self) -> ResponseReturnValue:
        """GET or POST /logout: forget the visitor here. The broker's own session is the visitor's to end."""
        session.clear()
        return redirect(url_for("home"))

    def _check_metadata(self) -> None:
        found = self._client.load_server_metadata()
        if found.get("issuer") != self._issuer:  # OpenID Connect Discovery 1.0, section 4.3
            raise Refused("wrong_issuer", "The broker says that it is another one.")
        found["id_token_signing_alg_values_supported"] = [ALG]  # what we registered for, and nothing else


def create_registry(*, url: str, issuer: str, client_id: str, client_secret: str, ca: str | None = None) -> Flask:
    """Return the registry as a WSGI application. ``ca`` is a PEM file to verify the broker with."""
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_NAME=COOKIE, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    registry = Registry(app, url=url, issuer=issuer, client_id=client_id, client_secret=client_secret, ca=ca)
    app.add_url_rule("/", view_func=registry.home)
    app.add_url_rule("/login", view_func=registry.login)
    app.add_url_rule("/callback", view_func=registry.callback)
    app.add_url_rule("/whoami", view_func=registry.whoami)
    app.add_url_rule("/logout", view_func=registry.logout, methods=["GET", "POST"])
    app.register_error_handler(OAuthError, lambda error: _page(error.error, error.description))
    app.register_error_handler(Refused, lambda error: _page(error.code, error.sentence))
    app.register_error_handler(JoseError, lambda error: _page(error.error, "The broker's ID token is not valid."))
    app.register_error_handler(RequestException, lambda _: _page("unreachable", "The broker does not answer.", 502))
    app.after_request(_private)
    return app


def _page(code: str, sentence: str, status: int = 400) -> ResponseReturnValue:
    return render_template("registry.html", error=code, sentence=sentence), status


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
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
    """Serve on the port of ``REGISTRY_URL`` until SIGTERM or SIGINT."""
    url = os.environ["REGISTRY_URL"]
    app = create_registry(
        url=url,
        issuer=os.environ["REGISTRY_ISSUER"],
        client_id=os.environ["REGISTRY_CLIENT_ID"],
        client_secret=os.environ["REGISTRY_CLIENT_SECRET"],
        ca=os.environ.get("REGISTRY_CA_BUNDLE") or None,
    )
    server = make_server("127.0.0.1", int(urlsplit(url).port or 80), app, threaded=True, request_handler=_Quiet)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        server.server_close()


if __name__ == "__main__":
    main()
