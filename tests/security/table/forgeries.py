"""Ways to forge a JWT: one table, applied wherever the broker takes one (T9).

What is tried everywhere is in ``FORGERIES``; what a token of one kind may not say is in that kind's table of lies.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey

from tests.oidc.jose.samples import OTHER_EC, RSA, Members, base64url, public, tampered, without
from tests.oidc.jose.samples import jwt as signed

ELSEWHERE = "https://attacker.example/keys"


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A good token, in parts. ``key`` signs it; its public half is known to everybody."""

    header: Members
    claims: Members
    key: ECKey

    def token(self, *, key: ECKey | None = None, claims: Members | None = None, **header: Any) -> str:
        """Return it with a true signature. A member that is ``...`` is left out."""
        said = without({**self.claims, **(claims or {})})
        return signed(said, key=key or self.key, **{**self.header, **header})


Forgery = Callable[[Specimen], str]
Lie = tuple[Members, Members]
"""What of the header, and what of the claims, is another."""


def _segments(specimen: Specimen, **header: Any) -> tuple[str, str, str]:
    protected, payload, signature = specimen.token().split(".")
    if header:
        changed = without({"alg": "ES256", **specimen.header, **header})
        protected = base64url(json.dumps(changed).encode())
    return protected, payload, signature


def unsigned(alg: Any, *, keep: bool = False) -> Forgery:
    def forge(specimen: Specimen) -> str:
        protected, payload, signature = _segments(specimen, alg=alg)
        return f"{protected}.{payload}.{signature if keep else ''}"

    return forge


def mac(secret: Callable[[ECKey], bytes], alg: str = "HS256") -> Forgery:
    """Use what everybody knows of the key as the secret of a MAC (RFC 8725 section 2.1)."""

    def forge(specimen: Specimen) -> str:
        protected, payload, _ = _segments(specimen, alg=alg)
        digest = hmac.digest(secret(specimen.key), f"{protected}.{payload}".encode(), "sha256")
        return f"{protected}.{payload}.{base64url(digest)}"

    return forge


def by_attacker(**header: Any) -> Forgery:
    return lambda specimen: specimen.token(key=OTHER_EC, **header)


def signature_of(make: Callable[[bytes], bytes]) -> Forgery:
    def forge(specimen: Specimen) -> str:
        protected, payload, signature = _segments(specimen)
        return f"{protected}.{payload}.{base64url(make(base64.urlsafe_b64decode(signature + '==')))}"

    return forge


def text(change: Callable[[str], str]) -> Forgery:
    return lambda specimen: change(specimen.token())


def raw_header(change: Callable[[bytes], bytes]) -> Forgery:
    """Sign truly over a header that is written in another way."""

    def forge(specimen: Specimen) -> str:
        protected, payload, _ = _segments(specimen)
        whole = change(base64.urlsafe_b64decode(protected + "=="))
        body = base64.urlsafe_b64decode(payload + "==")
        return signed(body, key=specimen.key, raw_header=whole, sign_as="ES256")

    return forge


def raw_claims(body: bytes) -> Forgery:
    return lambda specimen: signed(body, key=specimen.key, **specimen.header)


def with_header(**header: Any) -> Forgery:
    return lambda specimen: specimen.token(**header)


def _mixed(specimen: Specimen) -> str:
    """The claims of one token under the signature of another."""
    protected, _, signature = _segments(specimen)
    payload = specimen.token(claims={"jti": "another", "sub": "another"}).split(".")[1]
    return f"{protected}.{payload}.{signature}"


def _jwe_shaped(specimen: Specimen) -> str:
    protected, payload, signature = _segments(specimen, alg="dir", enc="A256GCM")
    return f"{protected}..{payload}.{signature}.{signature}"


def _der(signature: bytes) -> bytes:
    """ASN.1 in place of the two halves (RFC 7518 section 3.4)."""
    halves = [b"\x02\x21\x00" + signature[:32], b"\x02\x21\x00" + signature[32:]]
    return b"\x30" + bytes([sum(map(len, halves))]) + b"".join(halves)


FORGERIES: Mapping[str, Forgery] = {
    # No signature, or none that counts.
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE over a true signature": unsigned("NONE", keep=True),
    "no alg": unsigned(...),
    "no alg over a true signature": unsigned(..., keep=True),
    "empty alg": unsigned("", keep=True),
    "no signature": text(lambda token: token.rpartition(".")[0] + "."),
    "signature of zeros": signature_of(lambda _: bytes(64)),
    "signature of nothing": signature_of(lambda _: b""),
    "signature cut short": signature_of(lambda signature: signature[:63]),
    "signature made longer": signature_of(lambda signature: signature + b"\0"),
    "signature in DER": signature_of(_der),
    "signature changed": text(tampered),
    "claims of another token": _mixed,
    # Another key, or the right one for another purpose.
    "HS256 with the public key in PEM": mac(lambda key: key.as_pem(private=False)),
    "HS256 with the public key in DER": mac(lambda key: key.as_der(private=False)),
    "HS256 with the public JWK": mac(lambda key: json.dumps(key.as_dict(private=False)).encode()),
    "HS256 with an empty key": mac(lambda _: b""),
    "HS512 by name, HS256 by nature": mac(lambda key: key.as_pem(private=False), "HS512"),
    "RS256 of somebody": lambda specimen: signed(specimen.claims, key=RSA, **{**specimen.header, "alg": "RS256"}),
    "ES256 of somebody": by_attacker(),
    "a key by jku": by_attacker(jku=ELSEWHERE),
    "a key by x5u": by_attacker(x5u=ELSEWHERE),
    "a key by x5c": by_attacker(x5c=[base64.b64encode(OTHER_EC.as_der(private=False)).decode()]),
    # What has to be understood, and is not.
    "crit of something": with_header(crit=["x"], x=1),
    "crit of b64": with_header(crit=["b64"], b64=False),
    "crit of nothing": with_header(crit=[]),
    "crit that is no list": with_header(crit="exp"),
    # Not the shape of a token.
    "nothing": text(lambda _: "x"),
    "dots": text(lambda _: ".."),
    "two parts": text(lambda token: token.rpartition(".")[0]),
    "four parts": text(lambda token: f"{token}.AAAA"),
    "five parts": _jwe_shaped,
    "cut in the middle": text(lambda token: token[: len(token) // 2]),
    "padded": text(lambda token: f"{token}=="),
    "twice": text(lambda token: f"{token}{token}"),
    "not base64url": text(lambda token: token.replace(".", ".*", 1)),
    "claims that are a list": raw_claims(b"[]"),
    "claims that are no JSON": raw_claims(b"{"),
    "claims that are not UTF-8": raw_claims(b'{"sub": "\xff"}'),
    "a header that is a list": raw_header(lambda _: b"[]"),
    "a header that is a number": raw_header(lambda _: b"1"),
    "a header that is no JSON": raw_header(lambda _: b"{"),
    "a header nested beyond reason": raw_header(lambda header: header[:-1] + b', "x": ' + b"[" * 3000),
    "a header nested within its size": raw_header(lambda _: b'{"x":' + b"[" * 350),
    "a header without end": raw_header(lambda header: header[:-1] + b', "x": "' + b"x" * 13_000 + b'"}'),
    "oversize": lambda specimen: specimen.token(claims={"filler": "x" * 16_000}),
}

# A key in the header is what a DPoP proof is about, and nothing else may bring its own.
OWN_KEY: Mapping[str, Forgery] = {"a key by jwk": by_attacker(jwk=public(OTHER_EC, kid=...))}

# Somebody else's words: read strictly, so that no two readers could differ.
STRICTLY: Mapping[str, Forgery] = {
    "claims nested beyond reason": raw_claims(b"[" * 3000),
    "alg twice": raw_header(lambda header: b'{"alg": "none", ' + header[1:]),
    "zip": with_header(zip="DEF"),
    "enc": with_header(enc="A256GCM"),
}

# Tokens that are found by the name of their key.
BY_KID: Mapping[str, Forgery] = {
    "kid of nobody": with_header(kid="nobody"),
    "kid that is a path": with_header(kid="../../../../dev/null"),
    "kid that is SQL": with_header(kid="' OR 1=1 --"),
    "kid that is a list": with_header(kid=["x"]),
    "kid that is an object": with_header(kid={}),
    "kid without end": with_header(kid="x" * 3000),
    "kid with a NUL": with_header(kid="\0"),
}
