"""Signing keys of the stand-ins, made at start and never written down."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID

P256_BYTES = 32


def b64url(raw: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key with the self-signed certificate that Microsoft's key sets show, and its JWK."""

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, *, curve: bool = False) -> "SigningKey":
        """Return a fresh RSA key of 2048 bits, or a P-256 key."""
        private = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in signing key")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365))
            .sign(private, hashes.SHA256())
        )
        return cls(private=private, certificate=certificate)

    @cached_property
    def kid(self) -> str:
        """The certificate's SHA-1 thumbprint, which Microsoft uses as ``kid`` and ``x5t`` both."""
        return b64url(self.certificate.fingerprint(hashes.SHA1()))  # noqa: S303 - only a name

    @cached_property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @cached_property
    def public_jwk(self) -> dict[str, object]:
        """The bare public JWK (RFC 7517) with ``use`` and ``kid``; no ``alg``, as Microsoft's have none."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {
                "kty": "RSA",
                "use": "sig",
                "kid": self.kid,
                "n": _number(numbers.n),
                "e": _number(numbers.e),
            }
        point = public.public_numbers()
        return {
            "kty": "EC",
            "use": "sig",
            "kid": self.kid,
            "crv": "P-256",
            "x": b64url(point.x.to_bytes(P256_BYTES, "big")),
            "y": b64url(point.y.to_bytes(P256_BYTES, "big")),
        }

    @cached_property
    def microsoft_jwk(self) -> dict[str, object]:
        """The JWK in Microsoft's shape: with ``x5t`` and ``x5c``."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return {**self.public_jwk, "x5t": self.kid, "x5c": [base64.b64encode(der).decode()]}

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Return the compact JWS (RFC 7515). ``header["alg"]`` is RS256, PS256 or ES256 and fits the key."""
        signing_input = signing_input_of(header, claims)
        return f"{signing_input}.{b64url(self._signature(signing_input.encode(), header['alg']))}"

    def _signature(self, data: bytes, alg: object) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")
        if alg == "PS256":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
            return self.private.sign(data, pss, hashes.SHA256())
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


def signing_input_of(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """Return the first two parts of a compact JWS."""
    return ".".join(b64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


class KeyRing:
    """The keys of every stand-in by purpose, each made when first used.

    ``entra`` and ``msa`` sign version-2 tokens, ``entra_v1`` version-1 tokens, ``oidc`` and ``oidc_ec``
    those of the generic provider; ``foreign`` is in no key set.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: dict[str, SigningKey] = {}

    def __getitem__(self, purpose: str) -> SigningKey:
        with self._lock:
            if purpose not in self._keys:
                self._keys[purpose] = SigningKey.make(curve=purpose == "oidc_ec")
            return self._keys[purpose]

    def rotate(self) -> None:
        """Forget all keys: new ones, with new ``kid``s, take their place."""
        with self._lock:
            self._keys.clear()
