"""The way out of the old world, put together where a registry has one."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from broker.accounts.organizations.operators import Operators
from broker.accounts.organizations.service import Organizations
from broker.accounts.service import Accounts
from broker.composition.foundation import Foundation
from broker.events.security import SecurityEvents
from broker.keys.pseudonyms import Pseudonyms
from broker.settings import SettingsError
from broker.settings.migration import MigrationSettings
from broker.settings.problem import Problem
from broker.signin.kept import KeptProofs
from broker.signin.policy import Policy
from broker.signin.standing import Standing
from migrations.accounts.admins import Admins
from migrations.accounts.campaign.campaign import Campaign, prepare
from migrations.accounts.cases import Cases
from migrations.accounts.claiming.linked import Linked
from migrations.accounts.claiming.mailbox import Mailboxes
from migrations.accounts.claiming.service import Claiming
from migrations.accounts.due import Due
from migrations.accounts.effects import Effects
from migrations.accounts.hashes.breached import BreachList, FileList, RangeList
from migrations.accounts.hashes.verifying import Verifier
from migrations.accounts.hashes.wrapped import Wrapper
from migrations.accounts.notices import Notices
from migrations.accounts.proofs import Attempts
from migrations.accounts.records import Ledger
from migrations.accounts.recovery.limits import Requests
from migrations.accounts.recovery.looking import Look
from migrations.accounts.recovery.service import Recovery
from migrations.accounts.recovery.tickets import Tickets
from providers.guarded import guarded_get
from providers.http import outbound


@dataclass(frozen=True, slots=True, kw_only=True)
class OldWorld:
    """What its rooms have in common."""

    settings: MigrationSettings
    ledger: Ledger
    effects: Effects
    attempts: Attempts
    mailboxes: Mailboxes
    claiming: Claiming
    linked: Linked
    recovery: Recovery
    look: Look
    due: Due
    campaign: Campaign


def look_back(
    base: Foundation,
    settings: MigrationSettings,
    *,
    accounts: Accounts,
    organizations: Organizations,
    operators: Operators,
    standing: Standing,
    proofs: KeptProofs,
    pseudonyms: Pseudonyms,
    policy: Policy,
) -> OldWorld:
    """Return it."""
    ledger = Ledger(base.cipher, base.index)
    effects = Effects(
        ledger=ledger,
        cases=Cases(base.cipher),
        admins=Admins(cipher=base.cipher, index=base.index, standing=standing, proofs=proofs),
        accounts=accounts,
        organizations=organizations,
        standing=standing,
        proofs=proofs,
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
    attempts = Attempts(base.store, base.cipher)
    mailboxes = Mailboxes(
        attempts=attempts,
        ledger=ledger,
        index=base.index,
        limits=base.limits,
        outbox=base.outbox,
        issuer=base.settings.issuer,
        registry=settings.registry,
    )
    base.switches.when_restored(effects.after_switch)
    recovery = Recovery(
        effects=effects,
        tickets=Tickets(base.cipher, base.index),
        requests=Requests(base.store, base.limits),
        index=base.index,
        outbox=base.outbox,
        plain_allowed=base.settings.insecure_allow_private_addresses,
    )
    return OldWorld(
        settings=settings,
        ledger=ledger,
        effects=effects,
        attempts=attempts,
        mailboxes=mailboxes,
        claiming=Claiming(
            attempts=attempts,
            mailboxes=mailboxes,
            effects=effects,
            verifier=_verifier(base, settings),
            limits=base.limits,
            breaches=_breaches(base, settings),
            index=base.index,
            database=base.database,
            store=base.store,
            sealer=base.cipher,
            widely_used=settings.widely_used,
        ),
        linked=Linked(effects=effects, pseudonyms=pseudonyms, policy=policy, widely_used=settings.widely_used),
        recovery=recovery,
        look=_look(base, recovery),
        due=Due(database=base.database, effects=effects),
        campaign=prepare(
            settings=settings,
            effects=effects,
            database=base.database,
            outbox=base.outbox,
            issuer=base.settings.issuer,
            key=base.settings.secrets.lasting_key("unsubscribe"),
        ),
    )


def _look(base: Foundation, recovery: Recovery) -> Look:
    fetch = partial(
        guarded_get,
        insecure_allow_private=base.settings.insecure_allow_private_addresses,
        ca_bundle=base.settings.ca_bundle,
    )
    return Look(database=base.database, recovery=recovery, fetch=fetch)


def _verifier(base: Foundation, settings: MigrationSettings) -> Verifier:
    pepper = settings.devise_pepper
    wrapper = Wrapper(
        key=base.settings.secrets.lasting_key("legacy-passwords"),
        memory_kib=settings.rewrap_memory,
        pepper=pepper.get_secret_value().encode() if pepper is not None else None,
    )
    return Verifier(base.limits, wrapper)


def _breaches(base: Foundation, settings: MigrationSettings) -> BreachList | None:
    if settings.breached_passwords is not None:
        return breached_list(settings.breached_passwords)
    if settings.breached_range_url is None:
        return None
    session = outbound(base.settings.ca_bundle, timeout=(2.0, 3.0), total=5.0)
    return RangeList(settings.breached_range_url, session.get)


def breached_list(path: Path) -> FileList:
    """Return the list of stolen passwords in a file. Raises ``SettingsError`` for what is none."""
    try:
        return FileList(path)
    except (OSError, ValueError) as error:
        problem = Problem(
            key="migration.breached_passwords",
            wrong="is not a list that can be searched",
            right="the path of a file of SHA-1 hashes in upper-case hex, in order, one a line",
        )
        raise SettingsError((problem,)) from error
