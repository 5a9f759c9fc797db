"""Which accounts several people seem to share. Rules propose; the registry's own word confirms; a person decides."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.records import Alias, Kind, State

# Mailboxes of a role (RFC 2142, and what teams that publish packages call theirs). All in lower case.
_ROLES = """
    abuse accounts admin administrator administration admins alerts api apps
    billing bot bots build builder builds
    ci cicd code coders community compliance contact contributors core
    deploy deployment dev devel developer developers development devops devs devteam
    eng engineering enquiries
    feedback finance foss
    github gitlab group
    hello help helpdesk hi hostmaster hq
    info infra infrastructure inquiries integrations it
    jenkins jobs
    legal libraries library lists
    mail maintainer maintainers maintenance marketing modules
    nobody noc noreply no-reply npm nuget
    office oncall open-source opensource operations ops organisation organization oss
    package packages packaging partners platform postmaster press privacy product products project projects
    publisher publishers publishing pypi python
    qa
    registry release releases research root ruby rubygems
    sales sdk sdks security service services shared software staff support sysadmin system
    tech technology team teams tooling tools
    web webmaster webteam
"""
# Those that no person is called by, whatever stands beside them: contoso-team@, packages.contoso@.
_TELLING = """
    admins contributors developers devops devteam group lists maintainers noreply npm nuget opensource oss
    packages packaging publisher publishers publishing pypi releases rubygems sdks staff support team teams webteam
"""
_ROLE_WORDS, _TELLING_WORDS = frozenset(_ROLES.split()), frozenset(_TELLING.split())
# What such a name is joined by: dev-team@, team.packages@, packages+nuget@, nuget_admin@.
_JOINTS = str.maketrans("+-._", "    ")


def is_role(email: str) -> bool:
    """Return whether the address is a role's, by what stands before the ``@``.

    All of its parts are roles (``dev-team``, and ``info+x``: what follows a plus is a label), or one of them is a word
    that no person is called by (``contoso-packages``). ``api.smith`` and ``robert-dev`` are people. Digits at the end
    of a part do not matter.
    """
    local = email.rpartition("@")[0].lower()
    parts = [part.rstrip("0123456789") for part in local.partition("+")[0].translate(_JOINTS).split()]
    if local in _ROLE_WORDS or not _TELLING_WORDS.isdisjoint(parts):
        return True
    return bool(parts) and _ROLE_WORDS.issuperset(parts)


def held(kind: Kind, email: str | None, before: tuple[Kind, Alias | None] | None) -> Alias | None:
    """Return what to hold of an account now. ``before``: what its last row said, and what was held of it then.

    What was proposed stays so until somebody has looked: a new row is no reason for one of them to take it alone.
    """
    if before is not None and _is_decided(*before):
        return before[1]
    if kind is Kind.ALIAS:
        return Alias.CONFIRMED
    if before is not None and before[1] is Alias.PROPOSED:
        return Alias.PROPOSED
    return Alias.PROPOSED if email is not None and is_role(email) else None


def _is_decided(kind: Kind, alias: Alias | None) -> bool:
    """Return whether a person did it: what is confirmed of an alias is the registry's own word."""
    return alias is Alias.REJECTED or (alias is Alias.CONFIRMED and kind is Kind.PERSON)


def propose_shared(connection: Connection, among: Collection[str] | None = None) -> None:
    """Propose every account whose address others have, too, and nobody has decided on. One statement.

    Only addresses that were confirmed count: anybody can say that they have one. ``among``: the blind indexes of the
    addresses to look at, if not all.
    """
    several = _several()
    if among is not None:
        several = several.where(table.c.email_index.in_(among))
    # In order, as whoever holds several of them does.
    found = (
        select(table.c.registry_id)
        .where(
            table.c.alias.is_(None),
            table.c.state == State.PENDING.value,
            table.c.email_confirmed,
            table.c.email_index.in_(several.scalar_subquery()),
        )
        .order_by(table.c.registry_id)
        .with_for_update()
    )
    connection.execute(
        update(table).where(table.c.registry_id.in_(found.scalar_subquery())).values(alias=Alias.PROPOSED.value)
    )


def count_shared(connection: Connection) -> int:
    """Return how many accounts are proposed whose address others have, too."""
    proposed = select(func.count()).where(
        table.c.alias == Alias.PROPOSED.value,
        table.c.state == State.PENDING.value,
        table.c.email_confirmed,
        table.c.email_index.in_(_several().scalar_subquery()),
    )
    return int(connection.execute(proposed).scalar_one())


def _several() -> Select[*tuple[Any, ...]]:
    """Return the blind indexes of the addresses that several accounts had confirmed."""
    confirmed = table.c.email_index.is_not(None) & table.c.email_confirmed
    return select(table.c.email_index).where(confirmed).group_by(table.c.email_index).having(func.count() > 1)
