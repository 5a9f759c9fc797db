"""A bare OAuth client, so that tests can send what a good client never would."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from providers.standins import EVIDENCE_SCOPE, Kind, Registration, Standins
from providers.standins.browser import Returned, sign_in

CALLBACK = "http://localhost:8000/callback/provider"
BARE = "55555555-6666-4777-8888-999999999999"
"""The Entra application without optional claims."""
VERIFIER = "a-code-verifier-of-a-good-length-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()

AUTHORIZE = {
    "microsoft_account": "/consumers/oauth2/v2.0/authorize",
    "entra": "/organizations/oauth2/v2.0/authorize",
    "github": "/login/oauth/authorize",
    "oidc": "/oidc/authorize",
}
TOKEN = {
    "microsoft_account": "/consumers/oauth2/v2.0/token",
    "entra": "/organizations/oauth2/v2.0/token",
    "github": "/login/oauth/access_token",
    "oidc": "/oidc/token",
}
SCOPE = {
    "microsoft_account": "openid profile email",
    "entra": f"openid profile email {EVIDENCE_SCOPE}",
    "github": "read:user user:email",
    "oidc": "openid profile email",
}
Fields = dict[str, str | None]


def unverified(token: str, part: int = 1) -> dict[str, Any]:
    """Return one part of a compact JWS: 0 the header, 1 the claims."""
    text = token.split(".")[part]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return members


def _merged(fields: Mapping[str, str | None], changes: Fields) -> dict[str, str]:
    merged: Fields = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not None}


@dataclass
class Client:
    """Speaks to the stand-ins as the application that is registered with ``kind``."""

    standins: Standins

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(self.standins.ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def registration(self, kind: Kind, client_id: str | None = None) -> Registration:
        """Return the application with this id, or the first of its kind."""
        if client_id is None:
            return self.standins.registration(kind)
        return next(one for one in self.standins._world.registrations if one.client_id == client_id)

    def url(self, kind: Kind, *, path: str | None = None, **changes: str | None) -> str:
        """Return an authorization URL; ``changes`` replace parameters, None leaves one out."""
        fields = {
            "client_id": self.registration(kind).client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": SCOPE[kind],
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{self.standins.browser_url}{path or AUTHORIZE[kind]}?{urlencode(_merged(fields, changes))}"

    def code(self, kind: Kind, persona: str, **changes: str | None) -> str:
        """Return the code that the persona's sign-in gives."""
        return sign_in(self.url(kind, **changes), persona).parameters["code"]

    def back(self, kind: Kind, persona: str, **changes: str | None) -> Returned:
        """Return how the persona's sign-in comes back."""
        return sign_in(self.url(kind, **changes), persona)

    def redeem(
        self, kind: Kind, code: str | None, *, path: str | None = None, **changes: str | None
    ) -> requests.Response:
        """Return the token endpoint's answer to ``code``."""
        registration = self.registration(kind, changes.get("client_id"))
        fields = {
            "client_id": registration.client_id,
            "client_secret": registration.client_secret,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.session.post(
            f"{self.standins.backchannel_url}{path or TOKEN[kind]}",
            data=_merged(fields, changes),
            headers={"Accept": "application/json"},
            allow_redirects=False,
            timeout=30,
        )

    def tokens(self, kind: Kind, persona: str, **changes: str | None) -> dict[str, Any]:
        """Return the token response of a whole sign-in."""
        path = changes.pop("path", None)
        code = self.code(kind, persona, path=path, **changes)
        token_path = path.replace("/authorize", "/token") if path else None
        same = {name: changes[name] for name in ("client_id",) if name in changes}
        members: dict[str, Any] = self.redeem(kind, code, path=token_path, **same).json()
        return members

    def id_token(self, kind: Kind, persona: str, **changes: str | None) -> dict[str, Any]:
        """Return the ID token's claims of a whole sign-in."""
        return unverified(self.tokens(kind, persona, **changes)["id_token"])

    def access_token(self, persona: str, **changes: str | None) -> dict[str, Any]:
        """Return the claims of the evidence access token of a whole Entra sign-in."""
        return unverified(self.tokens("entra", persona, **changes)["access_token"])

    def get(self, path: str, **headers: str) -> requests.Response:
        """Return the back channel's answer."""
        return self.session.get(
            f"{self.standins.backchannel_url}{path}", headers=headers, allow_redirects=False, timeout=30
        )

    def verified(self, token: str, jwks: str, algorithms: list[str] | None = None) -> dict[str, Any]:
        """Return the claims of a token whose signature the key set at ``jwks`` verifies. Raises JoseError."""
        keys = KeySet.import_key_set(self.get(jwks).json())
        return dict(jwt.decode(token, keys, algorithms=algorithms or ["RS256"]).claims)
