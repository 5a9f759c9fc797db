"""From what people type of their work account to the tenant to sign in at. What they typed is kept nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, or_, select

from broker.accounts.organizations.service import active_ids
from broker.storage.database import exclusive
from broker.tenants.errors import BadInput
from broker.tenants.model import mappings, tenant_domains
from broker.tenants.parties import named
from providers.microsoft.domains import is_domain

MOST = 20
_LONGEST = 320  # characters: an address of RFC 5321, section 4.5.3.1, and more than any name


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where to send somebody. ``domain``: the one they typed, for ``domain_hint``."""

    provider_id: str
    tid: str
    domain: str | None


def tenant_of(connection: Connection, text: str) -> Found | None:
    """Return the active tenant that a domain, an email address or an organisation's name leads to, or none.

    Of an address only the domain counts, so that the answer tells nothing of who has an account. An organisation
    of several tenants leads to the one it mapped first.
    """
    typed = text.strip()
    if len(typed) > _LONGEST or not typed.isprintable():
        return None
    local, at, host = typed.rpartition("@")
    if "@" in local:
        # Which of the parts is the host is what such addresses are made to confuse.
        return None
    domain = domain_of(host)
    found = _by_domain(connection, domain) if domain is not None else None
    return found if found is not None or at else _by_name(connection, typed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The tenant that a domain leads to. ``active``: its people can sign in."""

    tid: str
    active: bool


def owner_of(connection: Connection, email: str) -> Owner | None:
    """Return the tenant that the domain of an address belongs to, in whatever state it is mapped, or none."""
    domain = domain_of(email.rpartition("@")[2])
    row = connection.execute(
        select(mappings.c.tid, (mappings.c.state == "active") & mappings.c.organization_id.in_(active_ids()))
        .join(tenant_domains, tenant_domains.c.mapping_id == mappings.c.id)
        .where(tenant_domains.c.domain == domain)
    ).one_or_none()
    return Owner(tid=row[0], active=bool(row[1])) if row is not None else None


def domain_of(text: str) -> str | None:
    """Return a domain name as it is looked up (lower case, punycode), or none where the text is none."""
    try:
        domain = text.strip().lower().removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return domain if is_domain(domain) else None


def parse(texts: Iterable[str]) -> tuple[str, ...]:
    """Return domain names as they are looked up, each once. Raises :class:`BadInput`."""
    read = [domain_of(each) for each in texts]
    domains = sorted({each for each in read if each is not None})
    if None in read:
        raise BadInput("domains", "not_a_domain", "A domain looks like example.org.")
    if len(domains) > MOST:
        raise BadInput("domains", "too_many", f"A tenant has at most {MOST} domains here.")
    return tuple(domains)


def put(connection: Connection, mapping_id: str, domains: tuple[str, ...]) -> None:
    """Make these the domains of the mapping, whosever they were."""
    exclusive(connection, "tenant_domains")
    old = or_(tenant_domains.c.mapping_id == mapping_id, tenant_domains.c.domain.in_(domains))
    connection.execute(delete(tenant_domains).where(old))
    if domains:
        connection.execute(insert(tenant_domains), [{"domain": each, "mapping_id": mapping_id} for each in domains])


def domains_of(connection: Connection, mapping_id: str) -> list[str]:
    """Return the domains that lead to the tenant, in order."""
    found = select(tenant_domains.c.domain).where(tenant_domains.c.mapping_id == mapping_id)
    return list(connection.execute(found.order_by(tenant_domains.c.domain)).scalars())


_ACTIVE = (
    select(mappings.c.provider_id, mappings.c.tid)
    .where(mappings.c.state == "active", mappings.c.organization_id.in_(active_ids()))
    .order_by(mappings.c.decided_at, mappings.c.id)
    .limit(1)
)


def _by_domain(connection: Connection, domain: str) -> Found | None:
    owner = select(tenant_domains.c.mapping_id).where(tenant_domains.c.domain == domain)
    row = connection.execute(_ACTIVE.where(mappings.c.id.in_(owner))).one_or_none()
    return Found(provider_id=row.provider_id, tid=row.tid, domain=domain) if row is not None else None


def _by_name(connection: Connection, name: str) -> Found | None:
    row = connection.execute(_ACTIVE.where(mappings.c.organization_id.in_(named(name)))).one_or_none()
    return Found(provider_id=row.provider_id, tid=row.tid, domain=None) if row is not None else None
