"""Proof that a client holds the key which its tokens are bound to: DPoP (RFC 9449), with server nonces."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from broker.oidc.jose.jwk import DEFAULT_ALGORITHMS, read_key
from broker.oidc.jose.signed import LEEWAY, InvalidJwt, instant, require, verify_with_own_key
from broker.storage.shortlived import ShortLived

ALGORITHMS = DEFAULT_ALGORITHMS
MAX_PROOF = 8192  # bytes
MAX_AGE = 60  # seconds
MAX_JTI = 256  # characters
NONCE_WINDOW = 60  # seconds
MIN_NONCE_KEY = 32  # bytes
_TYPES: frozenset[str | None] = frozenset({"dpop+jwt"})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!-~]+")  # printable ASCII without blanks: urlsplit would drop some of the rest
_JKT = re.compile(r"[\w-]{43}", re.ASCII)


class InvalidProof(InvalidJwt):
    """A proof that proves nothing: ``invalid_dpop_proof`` (RFC 9449 section 5). ``reason`` is for the log."""


class UseNonce(Exception):
    """The proof is right but for its nonce: ``use_dpop_nonce`` (RFC 9449 section 8).

    ``nonce`` goes into the header ``DPoP-Nonce``, for the client's next try.
    """

    def __init__(self, nonce: str) -> None:
        super().__init__("use_dpop_nonce")
        self.nonce = nonce


class Nonces:
    """Server nonces (RFC 9449 sections 8 and 9) that are computed, not stored: the same for everybody, for a minute.

    A nonce shows that a proof was not made long before it was used, and that is all it shows.
    """

    def __init__(self, key: bytes) -> None:
        """``key`` is secret, and the same on all our servers; ``ValueError`` if it is shorter than 32 bytes."""
        if len(key) < MIN_NONCE_KEY:
            raise ValueError("a nonce key has at least 32 bytes")
        self._key = key

    def current(self, now: datetime) -> str:
        """Return the nonce to hand out now."""
        return self._of(_window(now))

    def accepts(self, nonce: str, now: datetime) -> bool:
        """Return whether it is a nonce of this minute, of the one before, or of a server whose clock is ahead.

        So a nonce lives for 3 minutes at most, and for one at least.
        """
        window, given = _window(now), nonce.encode()
        return any(hmac.compare_digest(given, self._of(window + step).encode()) for step in (0, -1, 1))

    def _of(self, window: int) -> str:
        digest = hmac.digest(self._key, f"dpop-nonce:{window}".encode(), "sha256")
        return urlsafe_b64encode(digest[:18]).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that holds. ``mark`` is the store key that says for ``seconds`` that it was used."""

    jkt: str
    mark: str
    seconds: int


class Proofs:
    """Judges DPoP proofs."""

    def __init__(self, store: ShortLived, nonces: Nonces) -> None:
        self._store = store
        self._nonces = nonces

    def verify(
        self, header_values: Sequence[str], *, method: str, url: str, now: datetime, access_token: str | None = None
    ) -> str:
        """Return the thumbprint (``jkt``) of the key that the proof shows, and use the proof up (section 4.3).

        Takes and raises what :meth:`examine` and :meth:`use` do.
        """
        return self.use(self.examine(header_values, method=method, url=url, now=now, access_token=access_token))

    def examine(
        self, header_values: Sequence[str], *, method: str, url: str, now: datetime, access_token: str | None = None
    ) -> Proof:
        """Return the proof if it holds. Nothing is stored: who only sends proofs leaves nothing behind.

        ``header_values`` are all the ``DPoP`` headers of the request, ``url`` is the endpoint's as clients know it,
        and ``access_token`` is what came with the proof, if anything did. Whether that is bound to the key is for
        the caller to compare. Raises :class:`InvalidProof` and :class:`UseNonce`.
        """
        try:
            return self._examine(header_values, method, url, now, access_token)
        except InvalidJwt as error:
            raise InvalidProof(error.reason) from error

    def use(self, proof: Proof) -> str:
        """Use a proof up and return its thumbprint: of any number of its uses, one passes.

        Raises :class:`InvalidProof`, and :class:`~broker.storage.shortlived.StoreUnavailable`, which is no success
        either.
        """
        if not self._store.add(proof.mark, b"1", proof.seconds):
            raise InvalidProof("used")
        return proof.jkt

    def _examine(
        self, header_values: Sequence[str], method: str, url: str, now: datetime, access_token: str | None
    ) -> Proof:
        require(len(header_values) == 1, "count")
        key, claims = verify_with_own_key(header_values[0], algorithms=ALGORITHMS, typ=_TYPES, max_bytes=MAX_PROOF)
        jti = claims.get("jti")
        require(isinstance(jti, str) and 0 < len(jti) <= MAX_JTI, "jti")
        require(claims.get("htm") == method, "htm")
        require(_same_target(claims.get("htu"), url), "htu")
        # Before the nonce: the client whose clock is wrong is told so, and gets no nonce to try in vain.
        left = _seconds_left(claims, now)
        if access_token is not None:
            require(_is(claims.get("ath"), _base64url_sha256(access_token)), "ath")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not self._nonces.accepts(nonce, now):
            raise UseNonce(self._nonces.current(now))
        jkt = key.thumbprint()
        used = hashlib.sha256(f"{jkt}.{jti}".encode()).hexdigest()
        # For as long as it would pass, and by the clock of any of our servers.
        return Proof(jkt=jkt, mark=f"dpop:{used}", seconds=int(left) + LEEWAY)


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of a public key (RFC 7638), base64url. Raises ``ValueError`` for any other JWK."""
    return read_key(jwk).thumbprint()


def is_jkt(text: str) -> bool:
    """Return whether ``text`` has the form of a thumbprint, as ``dpop_jkt`` must (RFC 9449 section 10)."""
    return _JKT.fullmatch(text) is not None


def _window(now: datetime) -> int:
    return int(now.timestamp()) // NONCE_WINDOW


def _seconds_left(claims: Mapping[str, object], now: datetime) -> float:
    issued = instant(claims, "iat")
    if issued is None:
        raise InvalidJwt("iat")
    age = now.timestamp() - issued
    require(-LEEWAY <= age <= MAX_AGE, "iat")
    return MAX_AGE - age


def _base64url_sha256(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _is(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())


def _same_target(htu: object, url: str) -> bool:
    """Return whether both are one place, by RFC 9449 section 4.3.

    Scheme, host and port are normalised (RFC 3986 sections 6.2.2 and 6.2.3), the path is not, and query and fragment
    do not count.
    """
    given = _target(htu)
    return given is not None and given == _target(url)


def _target(url: object) -> tuple[str, str, int, str] | None:
    if not isinstance(url, str) or not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    default = _DEFAULT_PORTS.get(parts.scheme)
    if not host or default is None or "@" in parts.netloc:
        return None
    return parts.scheme, host, default if port is None else port, parts.path or "/"
