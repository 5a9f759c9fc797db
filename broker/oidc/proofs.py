"""Proofs of a key at our endpoints: DPoP (RFC 9449), in Authlib's errors."""

from collections.abc import Callable
from datetime import datetime

from werkzeug.datastructures import Headers

from broker.oidc.errors import InvalidDpopProof, UseDpopNonce
from broker.oidc.jose.dpop import InvalidProof, Nonces, Proofs, UseNonce

HEADER = "DPoP"
NONCE_HEADER = "DPoP-Nonce"


class KeyProofs:
    """Reads the proof of a request, and hands out nonces."""

    def __init__(self, proofs: Proofs, nonces: Nonces, clock: Callable[[], datetime]) -> None:
        self._proofs = proofs
        self._nonces = nonces
        self._clock = clock

    def of(self, headers: Headers, *, method: str, url: str, access_token: str | None = None) -> str | None:
        """Return the thumbprint of the key that a request proves; none for a request without a proof.

        Raises ``InvalidDpopProof`` or ``UseDpopNonce``.
        """
        given = headers.getlist(HEADER)
        if not given:
            return None
        try:
            return self._proofs.verify(given, method=method, url=url, now=self._clock(), access_token=access_token)
        except UseNonce:
            raise UseDpopNonce("The proof needs the nonce of this answer.") from None
        except InvalidProof as error:
            raise InvalidDpopProof(str(error)) from error

    def nonce(self) -> str:
        """Return the nonce for a next proof."""
        return self._nonces.current(self._clock())
