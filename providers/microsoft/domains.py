"""From a domain to the tenant that owns it, by what Microsoft tells everybody."""

import re
from pathlib import Path

import requests

from providers.catalog import CONSUMERS
from providers.circuit import Circuit
from providers.http import json_of, outbound
from providers.microsoft.guids import GUID
from providers.provider import Fault, ProviderError

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# RFC 1123, section 2.1: the last label is no number, or it would be an IP address.
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.ASCII)
_LONGEST = 253  # characters


def is_domain(value: str) -> bool:
    """Return whether this is a domain name of two labels or more, in lower-case ASCII (punycode included)."""
    return len(value) <= _LONGEST and _DOMAIN.fullmatch(value) is not None


def tenant_of_domain(instance: str, domain: str, ca_bundle: Path | None, circuit: Circuit | None = None) -> str | None:
    """Return the ``tid`` of the tenant that has verified ``domain``; none where no tenant has.

    It tells where to ask, and proves nothing. Raises :class:`ProviderError` when Microsoft cannot be asked.
    """
    if not is_domain(domain):
        return None
    url = f"{instance}/{domain}/v2.0/.well-known/openid-configuration"
    try:
        with outbound(ca_bundle, circuit=circuit) as session:
            response = session.get(url, headers={"Accept": "application/json"})
    except requests.RequestException as error:
        failure = type(error).__name__
    else:
        document = json_of(response)
        members = document if isinstance(document, dict) else {}
        if response.status_code == 400 and members.get("error") == "invalid_tenant":
            return None
        tid = _tid(instance, members.get("issuer")) if response.status_code == 200 else None
        if tid is not None:
            return None if tid == CONSUMERS else tid
        failure = f"HTTP {response.status_code}"
    # Outside of the handler: the exception holds the URL, and that what somebody typed.
    raise ProviderError(Fault.UNAVAILABLE, f"no discovery document of a domain: {failure}")


def _tid(instance: str, issuer: object) -> str | None:
    if not isinstance(issuer, str):
        return None
    found = re.fullmatch(re.escape(f"{instance}/") + rf"({GUID})/v2\.0", issuer)
    return found[1] if found else None
