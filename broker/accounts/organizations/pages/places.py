"""The addresses of the pages, and the way back to one of them."""

from flask import redirect
from flask.typing import ResponseReturnValue

LIST = "/organizations"


def organization_page(organization_id: str) -> str:
    """Return the path of an organisation's page."""
    return f"{LIST}/{organization_id}"


def rules_page(organization_id: str, mapping_id: str | None) -> str:
    """Return the path of the rules of an organisation, or of one of its tenants."""
    organization = organization_page(organization_id)
    return f"{organization}/rules" if mapping_id is None else f"{organization}/tenants/{mapping_id}/rules"


def noticed(page: str, notice: str) -> ResponseReturnValue:
    """Go on to a page, which says what happened."""
    return redirect(f"{page}?notice={notice}", code=303)
