"""The user's way in: what each goal does with a proof, and the gate that all of them share."""

from dataclasses import dataclass

from broker.accounts.linking import LinkGoal
from broker.composition.foundation import Foundation
from broker.composition.people import People
from broker.composition.registries import Registries
from broker.limits.sign_ins import SignIns
from broker.signin.gate import Gate
from broker.signin.own_goals import AccountGoal, ProbeGoal
from broker.signin.proofs import ProviderProofs
from broker.signin.transactions import Goal
from broker.tenants.consent import Consents
from broker.tenants.goal import MappingGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What leads to providers and back."""

    proofs: ProviderProofs
    link_goal: LinkGoal
    mapping_goal: MappingGoal
    admin_consents: Consents
    gate: Gate


def open_up(base: Foundation, people: People, registries: Registries) -> Entrance:
    """Return it."""
    proofs = ProviderProofs(base.settings.providers, base.database)
    link_goal = LinkGoal(people.accounts, people.sessions, people.policy, people.standing)
    mapping_goal = MappingGoal(
        authority=people.authority, mappings=people.mappings, sessions=people.sessions, policy=people.policy
    )
    gate = Gate(
        providers=people.providers,
        circuits=people.circuits,
        handlers={
            Goal.REGISTRY: registries.goal,
            Goal.ACCOUNT: AccountGoal(people.opening, people.policy),
            Goal.LINK: link_goal,
            Goal.PROBE: ProbeGoal(proofs, people.policy),
            Goal.DEVICE: registries.device_goal,
            Goal.MAPPING: mapping_goal,
        },
        transactions=people.transactions,
        proofs=proofs,
        database=base.database,
        store=base.store,
        audit=base.audit,
        ending=people.ending,
        accounts=people.accounts,
        admissions=people.admissions,
        exceptions=people.exceptions,
        sign_ins=SignIns(limits=base.limits, store=base.store),
        switches=base.switches,
    )
    return Entrance(
        proofs=proofs,
        link_goal=link_goal,
        mapping_goal=mapping_goal,
        admin_consents=Consents(base.store, base.cipher),
        gate=gate,
    )
