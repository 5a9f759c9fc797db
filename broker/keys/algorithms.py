"""The algorithms we sign with (RFC 7518 section 3.1, RFC 8037 section 3.1), and the kind of key each of them takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc.jwk import ECKey, KeyParameters, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key = RSAKey | ECKey | OKPKey

# RFC 9864 renames EdDSA to Ed25519. What OpenID clients and their metadata know is EdDSA, so it is chosen knowingly,
# and the library need not warn at each signature.
JWSRegistry.algorithms["EdDSA"].security_warning = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A parsed key. ``key`` holds the private part; ``key.as_dict(private=False)`` does not."""

    kid: str
    alg: str
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    make: Callable[[KeyParameters], Key]
    read: Callable[[bytes, KeyParameters], Key]


def _read_rsa(der: bytes, parameters: KeyParameters) -> RSAKey:
    # We made it and sealed it, and it was opened: that its numbers belong together need not be proven again, which
    # takes fifty times as long as to read it.
    private = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return RSAKey(private, der, parameters)


_RSA = _Kind(make=lambda parameters: RSAKey.generate_key(2048, parameters, auto_kid=True), read=_read_rsa)
# An RSA key could sign by either algorithm. One key for both would let the weaker padding be played against the other,
# so each has keys of its own, and their JWK says which (RFC 8725 section 3.1).
_KINDS: Mapping[str, _Kind] = {
    "RS256": _RSA,
    "PS256": _RSA,
    "ES256": _Kind(
        make=lambda parameters: ECKey.generate_key("P-256", parameters, auto_kid=True),
        read=ECKey.import_key,
    ),
    "EdDSA": _Kind(
        make=lambda parameters: OKPKey.generate_key("Ed25519", parameters, auto_kid=True),
        read=OKPKey.import_key,
    ),
}


def generate(alg: str) -> SigningKey:
    """Return a fresh key, its ``kid`` the thumbprint of RFC 7638. An RSA key takes a tenth of a second and more."""
    key = _KINDS[alg].make({"use": "sig", "alg": alg})
    return SigningKey(kid=key.thumbprint(), alg=alg, key=key)


def parse(alg: str, der: bytes, kid: str) -> SigningKey:
    """Return the key of a PKCS #8 structure (RFC 5958), which is believed."""
    return SigningKey(kid=kid, alg=alg, key=_KINDS[alg].read(der, {"use": "sig", "alg": alg, "kid": kid}))
