"""Whether somebody means to come here, or a page elsewhere has their browser ask for this behind their back.

Such a page could have its readers' browsers begin one thing after another, until nobody at their address may (T12).
What says nothing of itself, as old browsers and programs do, passes. Fetch Metadata (W3C), sections 2.1 to 2.3;
prefetching: Fetch (WHATWG), ``Sec-Purpose``.
"""

from collections.abc import Mapping
from typing import Any

from broker.web import address
from broker.web.errors import BrokerError

_WHOLE_PAGES = ("", "document")


def check() -> None:
    """Raise ``BrokerError`` where the current request is for a part of a page, or for one that nobody looks at."""
    environ = address.current()
    if environ is not None and _is_behind_ones_back(environ):
        raise BrokerError(
            status=403,
            code="not_a_visit",
            sentence="Nothing begins here from inside another page.",
            next_step="Open this address in a window of its own.",
            detail="not a navigation",
        )


def _is_behind_ones_back(environ: Mapping[str, Any]) -> bool:
    if "HTTP_SEC_FETCH_SITE" not in environ and "HTTP_SEC_FETCH_DEST" not in environ:
        # Browsers send all of them. Node's fetch says ``cors`` of itself, and no page has it do anything.
        return str(environ.get("HTTP_SEC_PURPOSE", "")).startswith("prefetch")
    mode, purpose = environ.get("HTTP_SEC_FETCH_MODE", "navigate"), environ.get("HTTP_SEC_PURPOSE", "")
    destination = environ.get("HTTP_SEC_FETCH_DEST", "")
    return mode != "navigate" or destination not in _WHOLE_PAGES or purpose.startswith("prefetch")
