"""The HTTP client that MSAL is given: what is not a plain JSON answer of the right server never reaches it."""

import json
import re
from pathlib import Path
from typing import Any

import requests

from providers.circuit import Circuit
from providers.http import outbound
from providers.provider import Fault, ProviderError

_ERROR = re.compile(r"[a-z_]{1,100}")  # RFC 6749, section 5.2, as far as anybody uses it


class BackChannel:
    """MSAL's ``HttpClient``. Raises :class:`ProviderError`, which passes through MSAL untouched.

    ``instance`` is the one server that tokens are asked of, ``issuer`` what its discovery document must say, and
    ``unknown`` the fault where there is no such authority. Each has connections of its own, kept as long as it is.
    """

    def __init__(
        self, instance: str, issuer: str, ca_bundle: Path | None, unknown: Fault, circuit: Circuit | None
    ) -> None:
        self._instance = instance
        self._issuer = issuer
        self._unknown = unknown
        self._session = outbound(ca_bundle=ca_bundle, circuit=circuit)

    def get(self, url: str, **kwargs: Any) -> requests.Response:
        """Return the discovery document, which is all that MSAL gets."""
        response = self._send("GET", url, kwargs)
        if response.status_code in (400, 404):
            raise ProviderError(self._unknown, "Microsoft knows no such authority")
        document = _json_object(response)
        if response.status_code != 200 or document is None:
            raise ProviderError(Fault.UNAVAILABLE, f"no discovery document: HTTP {response.status_code}")
        if document.get("issuer") != self._issuer or not str(document.get("token_endpoint")).startswith(
            f"{self._instance}/"
        ):
            # The client secret goes to the token endpoint: never to another server than the operator named.
            raise ProviderError(Fault.MISCONFIGURED, "the discovery document is of another Microsoft cloud")
        return response

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        """Return the token endpoint's answer: tokens, or an OAuth error."""
        response = self._send("POST", url, kwargs)
        status = response.status_code
        if status >= 500 or status == 429:
            raise ProviderError(Fault.UNAVAILABLE, f"token endpoint: HTTP {status}")
        body = _json_object(response)
        if not (status == 200 or 400 <= status < 500) or body is None:
            raise ProviderError(Fault.INVALID_RESPONSE, f"token endpoint: HTTP {status} without a JSON object")
        if "error" in body and not _ERROR.fullmatch(str(body["error"])):
            # MSAL repeats it in a header of its next request, which may be another user's.
            raise ProviderError(Fault.INVALID_RESPONSE, f"token endpoint: HTTP {status} with an odd error")
        return response

    def _send(self, method: str, url: str, kwargs: dict[str, Any]) -> requests.Response:
        try:
            response = self._session.request(method, url, **kwargs)
        except requests.RequestException as error:
            failure = type(error).__name__
        else:
            response.encoding = "utf-8"  # RFC 8259, section 8.1; requests would guess
            return response
        # Outside of the handler: the exception holds the request, and that the client secret.
        raise ProviderError(Fault.UNAVAILABLE, f"Microsoft cannot be reached: {failure}")


def _json_object(response: requests.Response) -> dict[str, object] | None:
    try:
        body = json.loads(response.text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
