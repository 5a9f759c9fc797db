"""The way out of the old world, put together where a registry has one."""

from dataclasses import dataclass

from broker.accounts.organizations.operators import Operators
from broker.accounts.organizations.service import Organizations
from broker.accounts.service import Accounts
from broker.composition.foundation import Foundation
from broker.events.security import SecurityEvents
from broker.settings.migration import MigrationSettings
from broker.signin.standing import Standing
from migrations.accounts.admins import Admins
from migrations.accounts.cases import Cases
from migrations.accounts.due import Due
from migrations.accounts.effects import Effects
from migrations.accounts.notices import Notices
from migrations.accounts.proofs import Attempts
from migrations.accounts.records import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class OldWorld:
    """What its rooms have in common."""

    settings: MigrationSettings
    ledger: Ledger
    effects: Effects
    attempts: Attempts
    due: Due


def look_back(
    base: Foundation,
    settings: MigrationSettings,
    *,
    accounts: Accounts,
    organizations: Organizations,
    operators: Operators,
    standing: Standing,
) -> OldWorld:
    """Return it."""
    ledger = Ledger(base.cipher, base.index)
    effects = Effects(
        ledger=ledger,
        cases=Cases(base.cipher),
        admins=Admins(cipher=base.cipher, index=base.index, standing=standing),
        accounts=accounts,
        organizations=organizations,
        standing=standing,
        events=SecurityEvents(base.settings.streams),
        notices=Notices(
            accounts=accounts,
            operators=operators,
            outbox=base.outbox,
            issuer=base.settings.issuer,
            registry=settings.registry,
        ),
        outbox=base.outbox,
        audit=base.audit,
    )
    return OldWorld(
        settings=settings,
        ledger=ledger,
        effects=effects,
        attempts=Attempts(base.store, base.cipher),
        due=Due(database=base.database, effects=effects),
    )
