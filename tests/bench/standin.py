"""The provider behind both sides: an OpenID provider that answers at once, and whose cost is nobody's.

``python -m tests.bench.standin PORT`` serves one issuer on loopback, with one ES256 key made at the start. Who signs in
is the ``person`` that the browser adds to the authorization request. A code is the sealed answer to its own redemption,
so nothing is kept; a code that the key did not make is refused.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CLIENT_ID = "bench"
LIFETIME = 3600  # seconds
AUTHENTICATED_FOR = 60  # seconds since the user authenticated, when they return


def subject(person: int) -> str:
    """Return the ``sub`` of a person."""
    return f"person-{person}"


def email(person: int) -> str:
    """Return the address of a person."""
    return f"person-{person}@people.example"


def name(person: int) -> str:
    """Return the name of a person."""
    return f"Person {person}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


class Issuer:
    """One issuer, its key and its documents."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._seal = secrets.token_bytes(32)
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": secrets.token_hex(8)}
        jwk |= {"x": _b64(numbers.x.to_bytes(32, "big")), "y": _b64(numbers.y.to_bytes(32, "big"))}
        self._header = _b64(_json({"alg": "ES256", "kid": jwk["kid"], "typ": "JWT"}))
        self.documents = {
            "/.well-known/openid-configuration": _json(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/jwks",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                    "code_challenge_methods_supported": ["S256"],
                    "claims_parameter_supported": True,
                    "authorization_response_iss_parameter_supported": True,
                }
            ),
            "/jwks": _json({"keys": [jwk]}),
        }

    def authorize(self, query: str) -> str:
        """Return where the browser goes back to."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        sealed = _b64(_json([given.get("nonce", ""), int(given["person"]), given["code_challenge"]]))
        answer = {"code": f"{sealed}.{self._mac(sealed)}", "state": given["state"], "iss": self.issuer}
        return f"{given['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: str) -> bytes | None:
        """Return the token response, or none for a code or verifier that is not right."""
        given = {name: values[0] for name, values in parse_qs(form).items()}
        sealed, _, mac = given.get("code", "").partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(sealed).encode()):
            return None
        nonce, person, challenge = json.loads(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
        if _b64(hashlib.sha256(given.get("code_verifier", "").encode()).digest()) != challenge:
            return None
        access_token, now = secrets.token_urlsafe(24), int(time.time())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": subject(person),
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + LIFETIME,
            "auth_time": now - AUTHENTICATED_FOR,
            "amr": ["pwd", "mfa"],
            "at_hash": _b64(hashlib.sha256(access_token.encode()).digest()[:16]),
            "name": name(person),
            "email": email(person),
            "email_verified": True,
        }
        if nonce:
            claims["nonce"] = nonce
        id_token = self._sign(claims)
        return _json(
            {"access_token": access_token, "token_type": "Bearer", "expires_in": LIFETIME, "id_token": id_token}
        )

    def _sign(self, claims: Mapping[str, object]) -> str:
        signed = f"{self._header}.{_b64(_json(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _mac(self, sealed: str) -> str:
        return _b64(hmac.digest(self._seal, sealed.encode(), "sha256"))


class _Http(asyncio.Protocol):
    """Just the HTTP that its three kinds of caller speak: whole requests with a length, on kept connections."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._left += data
        while (end := self._left.find(b"\r\n\r\n")) >= 0:
            head = self._left[:end].decode("latin-1")
            lengths = [line[15:] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
            stop = end + 4 + (int(lengths[0]) if lengths else 0)
            if len(self._left) < stop:
                return
            body, self._left = self._left[end + 4 : stop], self._left[stop:]
            self._transport.write(self._answer(head, body.decode("latin-1")))

    def _answer(self, head: str, body: str) -> bytes:
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        parts = urlsplit(target)
        if method == "GET" and parts.path == "/authorize":
            return _response("302 Found", b"", f"Location: {self._issuer.authorize(parts.query)}\r\n")
        if method == "POST" and parts.path == "/token":
            tokens = self._issuer.token(body)
            if tokens is None:
                return _response("400 Bad Request", b'{"error":"invalid_grant"}')
            return _response("200 OK", tokens)
        document = self._issuer.documents.get(parts.path)
        return _response("404 Not Found", b"{}") if document is None else _response("200 OK", document)


def _response(status: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode("latin-1") + body


async def serve(port: int) -> None:
    """Serve until cancelled."""
    issuer = Issuer(f"http://127.0.0.1:{port}")
    server = await asyncio.get_running_loop().create_server(lambda: _Http(issuer), "127.0.0.1", port, backlog=256)
    await server.serve_forever()


def main() -> None:
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
