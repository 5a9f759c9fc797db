"""The addresses of the pages about tenants."""

from broker.accounts.organizations.pages.places import organization_page
from broker.tenants.mappings import Mapping

OPERATOR = "/operator"


def exceptions_page(organization_id: str) -> str:
    """Return the path of the page of an organisation's exceptions."""
    return f"{organization_page(organization_id)}/exceptions"


def tenant_page(organization_id: str, mapping_id: str) -> str:
    """Return the path of a tenant's page."""
    return f"{organization_page(organization_id)}/tenants/{mapping_id}"


def page_of(mapping: Mapping) -> str:
    """Return the path of a tenant's page."""
    return tenant_page(mapping.organization_id, mapping.id)
