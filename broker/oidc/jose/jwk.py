"""Public keys (RFC 7517) that somebody else chose, and what each is good for."""

from collections.abc import Mapping

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import base64_to_int

PublicKey = RSAKey | ECKey | OKPKey

KEY_TYPES: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""The type of key for each algorithm there is here (RFC 7518 section 3.1, RFC 8037). No MAC, and not ``none``."""

DEFAULT_ALGORITHMS = frozenset({"PS256", "ES256", "EdDSA"})
"""What a client may sign with unless it registered an algorithm (FAPI 2.0 Security Profile, section 5.4)."""

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# The rest is left behind: it may be large, and nothing here believes it.
_KNOWN_MEMBERS = ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops")
# RFC 7518 section 3.3; beyond the upper bounds, a check would cost more than any client is owed.
_MODULUS_BITS = range(2048, 8193)
_MAX_EXPONENT_BITS = 64


def algorithms_of(registered: str | None) -> frozenset[str]:
    """Return what a client may sign with: the one algorithm it registered, or the default ones."""
    return DEFAULT_ALGORITHMS if registered is None else frozenset({registered})


def canonical(algorithm: object) -> object:
    """Return the name used here for what has two: on the one curve there is, Ed25519 is EdDSA (RFC 9864, 2.2)."""
    return "EdDSA" if algorithm == "Ed25519" else algorithm


def read_key(jwk: object) -> PublicKey:
    """Return the key of a JWK. Raises ``ValueError`` unless it is public, whole, and of use for an algorithm of ours.

    RSA keys have 2048 bits or more (RFC 7518 section 3.3), elliptic ones are on P-256 or Ed25519.
    """
    if not isinstance(jwk, Mapping) or _PRIVATE_MEMBERS & jwk.keys():
        raise ValueError("not a public key")
    members = {name: jwk[name] for name in _KNOWN_MEMBERS if name in jwk}
    try:
        match jwk.get("kty"), jwk.get("crv"):
            case "RSA", _:
                # Before the key is made: joserfc only warns of a weak one.
                _check_size(base64_to_int(jwk["n"]), base64_to_int(jwk["e"]))
                return RSAKey.import_key(members)
            case "EC", "P-256":
                return ECKey.import_key(members)
            case "OKP", "Ed25519":
                return OKPKey.import_key(members)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ValueError("not a key") from error
    raise ValueError("a key that is of no use here")


def _check_size(modulus: int, exponent: int) -> None:
    if modulus.bit_length() not in _MODULUS_BITS or exponent.bit_length() > _MAX_EXPONENT_BITS:
        raise ValueError("too weak, or too costly")


def fits(key: PublicKey, algorithm: str) -> bool:
    """Return whether the key verifies ``algorithm``, by its type and by its own word (RFC 7517 sections 4.2 to 4.4)."""
    operations = key.get("key_ops", ["verify"])
    return (
        key.key_type == KEY_TYPES.get(algorithm)
        and key.get("use", "sig") == "sig"
        and canonical(key.get("alg", algorithm)) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )
