"""What of the old world there is in the town: an account for each thing that can be done with one."""

from collections.abc import Mapping

from broker.accounts.organizations.capabilities import FreshOperator, FreshPerson
from broker.composition.old_world import OldWorld
from broker.keys.pseudonyms import BlindIndex
from claims.decision import Purpose
from migrations.accounts.campaign.templates import Template, TemplateName
from migrations.accounts.campaign.waves import Audience
from migrations.accounts.cases import Case, CaseKind
from migrations.accounts.conversion.form import Typed
from migrations.accounts.conversion.service import ACCEPT, Conversions
from migrations.accounts.links import Verb
from migrations.accounts.periods import HOLD, UNDO
from migrations.accounts.proofs import Proof
from migrations.accounts.recovery.wanted import Missing, Wanted
from tests.migrations.claiming.browsers import Claimant, mailed
from tests.migrations.legacy import legacy
from tests.organizations import SignedIn
from tests.world import World

SHARED, PROVEN = "shared", "proven"


def moved_in(world: World, admin: SignedIn, operator: SignedIn, future_admin: str) -> Mapping[str, str]:
    """Import accounts, have the admin begin everything that can be begun, and return the ids and tokens of it.

    ``future_admin``: the address of whoever is to accept a place in a conversion.
    """
    return OldTown(world, admin, operator).things(future_admin)


class OldTown:
    """Makes it."""

    def __init__(self, world: World, admin: SignedIn, operator: SignedIn) -> None:
        old_world = world.parts.people.old_world
        assert old_world is not None
        self.world, self.admin, self.operator = world, admin, operator
        self.old_world: OldWorld = old_world
        self.effects = old_world.effects

    def things(self, future_admin: str) -> Mapping[str, str]:
        """Make and name them."""
        world = self.world
        for registry_id in ("pending", "away", "link", PROVEN, "waiting", "disputed", "effective", "asked"):
            legacy(world, registry_id)
        legacy(world, "proposed", name="builds", email="builds@old.example")
        legacy(world, SHARED, kind="alias")
        legacy(world, "converting", kind="alias")
        waiting, disputed, effective = (self._claimed(each) for each in ("waiting", "disputed", "effective"))
        with world.parts.database.begin() as connection:
            self.effects.stop(connection, disputed, world.clock())
            self.effects.take_effect(connection, effective, world.clock())
            stop = self.effects.notices.link(connection, waiting, Verb.STOP, world.clock() + HOLD)
            undo = self.effects.notices.link(connection, effective, Verb.UNDO, world.clock() + UNDO)
        return {
            "disputed": disputed.id,
            "waiting": waiting.id,
            "effective": effective.id,
            "stop": _last(stop),
            "undo": _last(undo),
            "mailbox": self._link(),
            **self._asked(),
            **self._converting(future_admin),
            **self._attempts(),
            **self._campaign(),
        }

    def _fresh(self) -> FreshPerson:
        now = self.world.clock()
        with self.world.parts.database.read() as connection:
            return self.world.parts.people.authority.fresh_person(connection, self.admin.session, now, Purpose.CLAIM)

    def _fresh_operator(self) -> FreshOperator:
        parts, now = self.world.parts, self.world.clock()
        with parts.database.read() as connection:
            return parts.people.authority.fresh_operator(connection, self.operator.session, now)

    def _claimed(self, registry_id: str) -> Case:
        person, now = self._fresh(), self.world.clock()
        with self.world.parts.database.begin() as connection:
            held = self.effects.ledger.held(connection, registry_id)
            return self.effects.begin(connection, held, CaseKind.CLAIM, person.proven, now, due_at=now + HOLD)

    def _claimant(self, registry_id: str) -> Claimant:
        return Claimant(world=self.world, visitor=self.admin.visitor).begin(f"user{registry_id}")

    def _link(self) -> str:
        """Have a link sent to a mailbox, and return its token."""
        return _last(self._claimant("link").ask_for_link("userlink@old.example"))

    def _asked(self) -> Mapping[str, str]:
        wanted = Wanted(account="userasked", missing=Missing.BOTH, evidence="I wrote it.", package=None)
        person = self._fresh()
        with self.world.parts.database.begin() as connection:
            ticket = self.old_world.recovery.ask(connection, person, wanted)
            (case,) = self.effects.cases.of_registry_account(connection, "asked")
        return {"ticket": ticket, "asked": case.id}

    def _converting(self, future_admin: str) -> Mapping[str, str]:
        conversions = Conversions(effects=self.effects, index=BlindIndex(self.world.parts.settings.secrets.index_key()))
        typed = Typed(organization="Contoso", admins=(future_admin, "somebody-else@example.org"))
        person = self._fresh()
        with self.world.parts.database.begin() as connection:
            case = conversions.start(
                connection, person, "converting", set(Proof), typed, lambda *mails: [True] * len(mails)
            )
        (accept,) = mailed(self.world, future_admin, ACCEPT)
        return {"converting": case.id, "accept": _last(accept)}

    def _attempts(self) -> Mapping[str, str]:
        return {
            "attempt_id": _last(self._claimant("pending").path),
            "proven_attempt": self._proven(PROVEN),
            "shared_attempt": self._proven(SHARED),
        }

    def _proven(self, registry_id: str) -> str:
        """Return an attempt of the admin's browser, with both of its proofs."""
        claimant = self._claimant(registry_id)
        claimant.give_password()
        claimant.prove_mailbox(f"user{registry_id}@old.example")
        return _last(claimant.path)

    def _campaign(self) -> Mapping[str, str]:
        operator, campaign = self._fresh_operator(), self.old_world.campaign
        edited = TemplateName.REQUIRED
        with self.world.parts.database.begin() as connection:
            wave = campaign.waves.start(connection, operator, TemplateName.LAST_CALL, Audience.PEOPLE)
            campaign.waves.stop(connection, operator, wave.id)
            template = Template(name=edited, subject="{registry}", text="{link} {unsubscribe}\n")
            campaign.templates.save(connection, operator, template)
            away = campaign.unsubscribing.token("away")
            campaign.unsubscribing.unsubscribe(connection, away, self.world.clock())
        return {
            "wave_id": wave.id,
            "edited": edited.value,
            "subscribed": campaign.unsubscribing.token("pending"),
            "unsubscribed": away,
        }


def _last(url: str) -> str:
    return url.rpartition("/")[2]
