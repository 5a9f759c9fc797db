"""People and organisations: who they are, how they signed in, and on what terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from broker.accounts.emails import EmailChanges
from broker.accounts.limits import MailLimit
from broker.accounts.organizations.authority import Authority
from broker.accounts.organizations.belonging import Belongings
from broker.accounts.organizations.changes import Changes
from broker.accounts.organizations.invitations import Invitations
from broker.accounts.organizations.last_sign_ins import LastSignIns
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.operators import Operators
from broker.accounts.organizations.preview import Preview
from broker.accounts.organizations.rescue import Rescue
from broker.accounts.organizations.service import Organizations
from broker.accounts.organizations.sign_ins import SignInsOfMembers
from broker.accounts.organizations.silenced import Silenced
from broker.accounts.organizations.suspension import Suspensions
from broker.accounts.service import Accounts
from broker.composition.foundation import Foundation
from broker.composition.old_world import OldWorld, look_back
from broker.keys.pseudonyms import Pseudonyms
from broker.metrics.upstreams import Upstreams
from broker.signin.ending import Ending
from broker.signin.kept import KeptProofs
from broker.signin.opening import Opening
from broker.signin.policy import Policy
from broker.signin.sessions import Sessions
from broker.signin.standing import Standing
from broker.signin.transactions import Transactions
from broker.tenants.admission import Admissions
from broker.tenants.attestations import Attestations
from broker.tenants.exceptions import Exceptions
from broker.tenants.mappings import Mappings
from broker.tenants.rule_changes import RuleChanges
from providers.catalog import EntraSettings, build
from providers.circuit import Circuit
from providers.provider import Provider
from providers.tenants import ConfiguredTenants


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Accounts, sign-ins, organisations and tenants; and the enabled providers, by id.

    ``old_world`` none: the registry has none, or has left it.
    """

    providers: Mapping[str, Provider]
    circuits: Mapping[str, Circuit]
    accounts: Accounts
    emails: EmailChanges
    mail_limit: MailLimit
    sessions: Sessions
    transactions: Transactions
    policy: Policy
    opening: Opening
    ending: Ending
    standing: Standing
    belongings: Belongings
    admissions: Admissions
    authority: Authority
    operators: Operators
    organizations: Organizations
    invitations: Invitations
    changes: Changes
    rescue: Rescue
    preview: Preview
    last_sign_ins: LastSignIns
    sign_ins_of_members: SignInsOfMembers
    mappings: Mappings
    attestations: Attestations
    exceptions: Exceptions
    rule_changes: RuleChanges
    old_world: OldWorld | None


def gather(base: Foundation) -> People:
    """Return it. No provider is asked anything yet."""
    settings, store, cipher, audit, outbox = base.settings, base.store, base.cipher, base.audit, base.outbox
    pseudonyms = Pseudonyms(settings.secrets.pseudonym_keys(), settings.secrets.pseudonym_writes)
    accounts = Accounts(cipher, pseudonyms, base.index, audit, outbox)
    sessions = Sessions(store, cipher, timedelta(seconds=settings.session.lifetime), base.switches)
    policy = Policy(settings.policy)

    tenanted = frozenset(name for name, each in settings.providers.items() if isinstance(each, EntraSettings))
    of_any_tenant = frozenset(
        name
        for name, each in settings.providers.items()
        if isinstance(each, EntraSettings) and each.authority == "organizations"
    )
    configured = ConfiguredTenants(settings.providers)
    admissions = Admissions(base.database, configured, tenanted)
    notices = Notices(accounts, outbox, settings.issuer)
    exceptions = Exceptions(cipher, audit, notices)
    belongings = Belongings(policy, admissions, exceptions)
    last_sign_ins = LastSignIns(cipher)
    preview = Preview(
        belongings=belongings,
        admissions=admissions,
        exceptions=exceptions,
        last_sign_ins=last_sign_ins,
        configured=configured,
    )
    sign_ins_of_members = SignInsOfMembers(last_sign_ins, belongings, Suspensions(audit))
    operators = Operators(audit)
    # Of the threads that answer, one provider keeps three of four at most.
    share = max(1, settings.listen.threads * 3 // 4)
    enabled = {name: each for name, each in settings.providers.items() if each.enabled}
    circuits = {name: Circuit(name, most=share, listener=Upstreams()) for name in enabled}
    providers = {
        name: build(name, each, f"{settings.issuer}/callback/{name}", admissions, circuits[name])
        for name, each in enabled.items()
    }
    standing = Standing(
        accounts=accounts,
        policy=policy,
        admissions=admissions,
        exceptions=exceptions,
        switches=base.switches,
        providers=providers.keys(),
    )
    proofs = KeptProofs(cipher=cipher, standing=standing, policy=policy)
    changes = Changes(audit, notices, preview.shut_out, proofs, Silenced(last_sign_ins=last_sign_ins), base.switches)
    base.switches.when_restored(changes.after_switch)
    organizations = Organizations(accounts, audit, changes)
    old_world = (
        look_back(
            base,
            settings.migration,
            accounts=accounts,
            organizations=organizations,
            operators=operators,
            standing=standing,
            proofs=proofs,
            pseudonyms=pseudonyms,
            policy=policy,
        )
        if settings.migration is not None
        else None
    )
    return People(
        providers=providers,
        circuits=circuits,
        accounts=accounts,
        emails=EmailChanges(accounts, cipher, audit, outbox),
        mail_limit=MailLimit(base.limits, store),
        sessions=sessions,
        transactions=Transactions(store, cipher, base.limits, base.switches),
        policy=policy,
        opening=Opening(
            accounts=accounts,
            sessions=sessions,
            audit=audit,
            exceptions=exceptions,
            memberships=sign_ins_of_members,
            switches=base.switches,
            newcomers=old_world.linked if old_world is not None else None,
        ),
        ending=Ending(
            sessions=sessions,
            store=store,
            outbox=outbox,
            audit=audit,
            database=base.database,
            token_lifetime=settings.tokens.access,
        ),
        standing=standing,
        belongings=belongings,
        admissions=admissions,
        authority=Authority(
            sign_ins=standing,
            belongings=belongings,
            operators=operators,
            policy=policy,
            operator_tenants=frozenset(settings.operators.tenants),
        ),
        operators=operators,
        organizations=organizations,
        invitations=Invitations(accounts, cipher, base.index, audit, outbox),
        changes=changes,
        rescue=Rescue(audit, changes, notices),
        preview=preview,
        last_sign_ins=last_sign_ins,
        sign_ins_of_members=sign_ins_of_members,
        mappings=Mappings(
            audit=audit,
            notices=notices,
            changes=changes,
            exceptions=exceptions,
            tenanted=of_any_tenant,
            self_service=settings.organizations.self_service_mapping,
        ),
        attestations=Attestations(audit, changes, notices),
        exceptions=exceptions,
        rule_changes=RuleChanges(changes=changes, audit=audit, notices=notices, belongings=belongings, preview=preview),
        old_world=old_world,
    )
