"""All that the campaign is made of."""

from dataclasses import dataclass
from datetime import datetime

from broker.events.service import Outbox
from broker.settings.migration import MigrationSettings
from broker.storage.database import Database
from migrations.accounts.campaign import phases
from migrations.accounts.campaign.aliases import Aliases
from migrations.accounts.campaign.closing import Closing, Forgetting
from migrations.accounts.campaign.exceptions import Exceptions
from migrations.accounts.campaign.lapsed import Lapsed
from migrations.accounts.campaign.letters import Letters
from migrations.accounts.campaign.phases import Phase
from migrations.accounts.campaign.templates import Templates
from migrations.accounts.campaign.unsubscribing import Unsubscribing
from migrations.accounts.campaign.waves import Waves
from migrations.accounts.effects import Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Its rooms, in one place."""

    settings: MigrationSettings
    effects: Effects
    templates: Templates
    letters: Letters
    waves: Waves
    unsubscribing: Unsubscribing
    aliases: Aliases
    exceptions: Exceptions
    lapsed: Lapsed
    closing: Closing
    forgetting: Forgetting

    def phase(self, now: datetime) -> Phase:
        """Return the phase that it is."""
        return phases.phase(self.settings, now)

    def next_phase(self, now: datetime) -> tuple[Phase, datetime] | None:
        """Return the phase that comes next, with its beginning; none after closing."""
        return phases.next_phase(self.settings, now)

    def told(self, now: datetime) -> str:
        """Return what people who come to claim an account are told of the time they have."""
        return phases.told(self.settings, now)


def prepare(
    *, settings: MigrationSettings, effects: Effects, database: Database, outbox: Outbox, issuer: str, key: bytes
) -> Campaign:
    """Return a campaign. ``key`` is for the links by which people unsubscribe: they work for as long as it stays."""
    ledger, audit = effects.ledger, effects.audit
    unsubscribing = Unsubscribing(key, issuer, audit)
    letters = Letters(settings=settings, unsubscribing=unsubscribing, outbox=outbox, issuer=issuer)
    templates = Templates(audit)
    return Campaign(
        settings=settings,
        effects=effects,
        templates=templates,
        letters=letters,
        waves=Waves(
            database=database, ledger=ledger, letters=letters, templates=templates, settings=settings, audit=audit
        ),
        unsubscribing=unsubscribing,
        aliases=Aliases(ledger=ledger, audit=audit, notices=effects.notices),
        exceptions=Exceptions(ledger=ledger, settings=settings, audit=audit),
        lapsed=Lapsed(database=database, cipher=ledger.cipher, audit=audit),
        closing=Closing(database=database, effects=effects, settings=settings),
        forgetting=Forgetting(database, settings),
    )
