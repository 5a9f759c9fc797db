"""A small registry on Authlib's Flask client: people sign in, come back later, and sign out."""

import secrets
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, jsonify, redirect, session, url_for
from flask.typing import ResponseReturnValue

SCOPE = "openid profile email offline_access"


class Registry:
    """Signs people in with the broker at ``issuer``, and keeps their tokens."""

    def __init__(self, *, issuer: str, client_id: str, secret: str, ca_file: str) -> None:
        self.app = Flask(__name__)
        self.app.secret_key = secrets.token_bytes(32)
        # Cookies know no ports, and the broker is on this host too.
        self.app.config.update(SESSION_COOKIE_NAME="registry", SESSION_COOKIE_SECURE=True)
        self._tokens: dict[str, Any] = {}
        self._client = {"client_id": client_id, "client_secret": secret, "verify": ca_file}
        self._broker: Any = OAuth(self.app).register(
            "vestibule",
            client_id=client_id,
            client_secret=secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "verify": ca_file},
            update_token=self._renewed,
        )
        for view in (self.login, self.silent, self.callback, self.me, self.userinfo, self.logout, self.goodbye):
            self.app.add_url_rule(f"/{view.__name__}", view_func=view)
        for view in (self.expire, self.revoke):
            self.app.add_url_rule(f"/{view.__name__}", view_func=view, methods=["POST"])

    def login(self) -> ResponseReturnValue:
        """Send the person to the broker."""
        return self._authorize()

    def silent(self) -> ResponseReturnValue:
        """Ask the broker who is there, without a page."""
        return self._authorize(prompt="none")

    def callback(self) -> ResponseReturnValue:
        """Welcome the person back."""
        try:
            token = self._broker.authorize_access_token()
        except OAuthError as error:
            return jsonify(error=error.error), 403
        session["sub"] = token["userinfo"]["sub"]
        self._tokens[session["sub"]] = token
        return redirect(url_for("me"))

    def me(self) -> ResponseReturnValue:
        """Show what is kept of the person."""
        return jsonify(self._tokens[session["sub"]])

    def userinfo(self) -> ResponseReturnValue:
        """Ask the broker; Authlib renews an expired token before it does."""
        try:
            return jsonify(self._broker.userinfo(token=self._tokens[session["sub"]]))
        except OAuthError as error:
            return jsonify(error=error.error), 403

    def expire(self) -> ResponseReturnValue:
        """Take the access token for expired."""
        self._tokens[session["sub"]]["expires_at"] = 1
        return ""

    def revoke(self) -> ResponseReturnValue:
        """Give back the refresh token."""
        endpoint = self._broker.load_server_metadata()["revocation_endpoint"]
        token = self._tokens[session["sub"]]["refresh_token"]
        with OAuth2Session(**self._client) as client:
            answered = client.revoke_token(endpoint, token=token, token_type_hint="refresh_token")
        return jsonify(status=answered.status_code)

    def logout(self) -> ResponseReturnValue:
        """Sign out at the broker."""
        hint = self._tokens[session["sub"]]["id_token"]
        there: ResponseReturnValue = self._broker.logout_redirect(
            url_for("goodbye", _external=True), id_token_hint=hint
        )
        return there

    def goodbye(self) -> ResponseReturnValue:
        """Sign out here, once the broker has."""
        self._broker.validate_logout_response()
        del self._tokens[session.pop("sub")]
        return jsonify(signed_out=True)

    def _authorize(self, **extra: str) -> ResponseReturnValue:
        there: ResponseReturnValue = self._broker.authorize_redirect(url_for("callback", _external=True), **extra)
        return there

    def _renewed(self, token: dict[str, Any], **old: object) -> None:
        self._tokens[session["sub"]] |= token
