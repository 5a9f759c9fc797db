"""A server in Microsoft's place that answers whatever a test says: what the stand-in, being honest, never would."""

import hashlib
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import cast

import trustme
from pydantic import SecretStr

from providers.catalog import CONSUMERS, EntraSettings, MicrosoftAccountSettings, TenantSettings
from providers.microsoft.account import MicrosoftAccount
from providers.microsoft.entra import Entra
from providers.provider import Redirect, Return
from providers.standins.keys import SigningKey
from providers.tenants import ConfiguredTenants

CLIENT_ID = "22222222-3333-4444-8555-666666666666"
TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
OID = "690222be-ff1a-4d56-abd1-7e4f7d38e474"
CALLBACK = "https://broker.example/callback/microsoft"


@dataclass(kw_only=True)
class Answer:
    """An HTTP answer; a body that is not bytes is sent as JSON."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Scripted:
    """``answers`` by path; ``seen`` are the requests, as (path, headers, body)."""

    def __init__(self, instance: str, ca_file: Path) -> None:
        self.instance = instance
        self.ca_file = ca_file
        self.key = SigningKey.make()
        self.v1_key = SigningKey.make()
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        for selector, issuer in (("consumers", CONSUMERS), ("organizations", "{tenantid}")):
            self.serve(selector, issuer)

    def serve(self, selector: str, tenant: str) -> None:
        """Answer as an authority does, with the version-2 key of ``tenant``."""
        issuer = f"{self.instance}/{tenant}/v2.0"
        self.answers[f"/{selector}/v2.0/.well-known/openid-configuration"] = Answer(
            body={
                "issuer": issuer,
                "authorization_endpoint": f"{self.instance}/{selector}/oauth2/v2.0/authorize",
                "token_endpoint": f"{self.instance}/{selector}/oauth2/v2.0/token",
            }
        )
        self.publish(selector, self.key.microsoft_jwk | {"issuer": issuer})
        self.answers[f"/{selector}/discovery/keys"] = Answer(body={"keys": [self.v1_key.microsoft_jwk]})

    def publish(self, selector: str, *keys: Mapping[str, object], version: str = "v2.0/") -> None:
        self.answers[f"/{selector}/discovery/{version}keys"] = Answer(body={"keys": list(keys)})

    def give(self, answer: Answer, selector: str = "organizations") -> None:
        """Let the token endpoint answer so."""
        self.answers[f"/{selector}/oauth2/v2.0/token"] = answer

    def account(self) -> MicrosoftAccount:
        settings = MicrosoftAccountSettings(
            name="Microsoft",
            client_id=CLIENT_ID,
            client_secret=SecretStr("s3cr3t"),
            ca_bundle=self.ca_file,
            instance=self.instance,
        )
        return MicrosoftAccount("msa", settings, CALLBACK)

    def entra(self, *, guests: bool = False, authority: str = "organizations") -> Entra:
        settings = EntraSettings(
            name="Work account",
            client_id=CLIENT_ID,
            client_secret=SecretStr("s3cr3t"),
            ca_bundle=self.ca_file,
            instance=self.instance,
            authority=authority,
            v1_issuer=f"{self.instance}/sts",
            evidence_scope="api://evidence/mfa_evidence",
            evidence_audience="api://evidence",
            tenants={TENANT: TenantSettings(name="Contoso", guests=guests)},
        )
        return Entra("entra", settings, CALLBACK, ConfiguredTenants({"entra": settings}))

    def id_token(self, redirect: Redirect, **changes: object) -> str:
        """Return an ID token of the tenant; a change to none leaves the claim out."""
        tid = changes.get("tid", TENANT)
        claims = {
            **_times(),
            "iss": f"{self.instance}/{tid}/v2.0",
            "aud": CLIENT_ID,
            "sub": "pairwise",
            "tid": tid,
            "oid": OID,
            "ver": "2.0",
            "nonce": hashlib.sha256(nonce(redirect).encode()).hexdigest(),
        }
        return self.key.sign({"typ": "JWT", "alg": "RS256", "kid": self.key.kid}, _changed(claims, changes))

    def evidence_token(self, **changes: object) -> str:
        """Return a version-1 access token for the evidence API."""
        claims = {
            **_times(),
            "iss": f"{self.instance}/sts/{TENANT}/",
            "aud": "api://evidence",
            "sub": "pairwise",
            "appid": CLIENT_ID,
            "tid": TENANT,
            "oid": OID,
            "scp": "mfa_evidence",
            "amr": ["pwd", "mfa"],
            "ver": "1.0",
        }
        return self.v1_key.sign({"typ": "JWT", "alg": "RS256", "kid": self.v1_key.kid}, _changed(claims, changes))


def nonce(redirect: Redirect) -> str:
    return cast(dict[str, str], redirect.flow["msal"])["nonce"]


def returned(redirect: Redirect) -> Return:
    return Return(method="POST", parameters={"code": "canary-code", "state": redirect.state})


def _times() -> dict[str, object]:
    # As Entra dates them: five minutes back.
    issued = int(time()) - 300
    return {"iat": issued, "nbf": issued, "exp": issued + 3900}


def _changed(claims: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


@contextmanager
def serving(folder: Path) -> Iterator[Scripted]:
    """Yield a server on a free loopback port, under a CA of its own."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scripted = Scripted(f"https://localhost:{server.server_address[1]}", ca_file)
        _Handler.scripted = scripted
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield scripted
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    scripted: Scripted

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.scripted.seen.append((self.path, dict(self.headers), body))
        answer = self.scripted.answers.get(self.path, Answer(body={"error": "not_found"}, status=404))
        content = answer.content()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: object) -> None:
        """Write no access log."""
