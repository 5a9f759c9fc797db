"""Proofs of a key at our endpoints: DPoP (RFC 9449), in Authlib's errors."""

from collections.abc import Callable
from datetime import datetime

from werkzeug.datastructures import Headers

from broker.oidc.errors import InvalidDpopProof, UseDpopNonce
from broker.oidc.jose.dpop import InvalidProof, Nonces, Proof, Proofs, UseNonce

HEADER = "DPoP"
NONCE_HEADER = "DPoP-Nonce"


class KeyProofs:
    """Reads the proof of a request, and hands out nonces."""

    def __init__(self, proofs: Proofs, nonces: Nonces, clock: Callable[[], datetime]) -> None:
        self._proofs = proofs
        self._nonces = nonces
        self._clock = clock

    def of(self, headers: Headers, *, method: str, url: str, access_token: str | None = None) -> str | None:
        """Return the thumbprint of the key that a request proves, and use the proof up; none without a proof.

        Raises as :meth:`examine` and :meth:`use`.
        """
        return self.use(self.examine(headers, method=method, url=url, access_token=access_token))

    def examine(self, headers: Headers, *, method: str, url: str, access_token: str | None = None) -> Proof | None:
        """Return the proof of a request if it holds, and leave it unused; none for a request without one.

        It comes before whatever else is good for one use, so that nothing is lost to a nonce that was not known.
        Raises ``InvalidDpopProof`` or ``UseDpopNonce``.
        """
        # A list of a header's values is made of all headers there are.
        if headers.get(HEADER) is None:
            return None
        given = headers.getlist(HEADER)
        try:
            return self._proofs.examine(given, method=method, url=url, now=self._clock(), access_token=access_token)
        except UseNonce:
            raise UseDpopNonce("The proof needs the nonce of this answer.") from None
        except InvalidProof as error:
            raise InvalidDpopProof(str(error)) from error

    def use(self, proof: Proof | None) -> str | None:
        """Use a proof up and return its thumbprint. Raises ``InvalidDpopProof`` for one that was used."""
        try:
            return self._proofs.use(proof) if proof is not None else None
        except InvalidProof as error:
            raise InvalidDpopProof(str(error)) from error

    def nonce(self) -> str:
        """Return the nonce for a next proof."""
        return self._nonces.current(self._clock())
