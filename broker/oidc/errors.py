"""An error that goes back to the registry: RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


class RedirectError(Exception):
    """``error`` is the registered code, ``description`` a sentence for the registry's developer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


def with_parameters(redirect_uri: str, parameters: dict[str, str | None]) -> str:
    """Return the redirect URI with the parameters added to its query; those that are none are left out."""
    parts = urlsplit(redirect_uri)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query += [(name, value) for name, value in parameters.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode(query)))


def error_redirect(redirect_uri: str, state: str | None, issuer: str, error: RedirectError) -> str:
    """Return the redirect that tells the registry of an error, with ``iss`` (RFC 9207 section 2)."""
    return with_parameters(
        redirect_uri,
        {"error": error.error, "error_description": error.description, "state": state, "iss": issuer},
    )
