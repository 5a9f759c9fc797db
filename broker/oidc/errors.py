"""Errors that go back to the registry, by redirect (RFC 6749 section 4.1.2.1) or as JSON (section 5.2)."""

from authlib.oauth2 import OAuth2Error


class RedirectError(Exception):
    """``error`` is the registered code, ``description`` a sentence for the registry's developer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class InvalidTarget(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 8707 section 2: a resource that the client may not ask for."""

    error = "invalid_target"


class InvalidDpopProof(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 9449 section 5: no proof of the key, or one that does not hold."""

    error = "invalid_dpop_proof"


class UseDpopNonce(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 9449 section 8: the proof must carry the nonce that comes with this answer."""

    error = "use_dpop_nonce"
