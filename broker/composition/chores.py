"""What is done in the background."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from broker.accounts.end_access import END_ACCESS, EndAccess
from broker.composition.foundation import Foundation
from broker.composition.old_world import OldWorld
from broker.composition.people import People
from broker.composition.registries import Registries
from broker.events.delivery import Deliveries
from broker.events.handling import Handler
from broker.events.mail import MAIL, MailHandler
from broker.events.mailer import open_mailer
from broker.events.replay import expire as expire_events
from broker.events.worker import Chore, Worker
from broker.oidc.logout.backchannel import BackchannelLogout
from broker.signin.ending import BACKCHANNEL_LOGOUT
from migrations.accounts.recovery.service import LOOK


def worker(base: Foundation, people: People, registries: Registries) -> Worker:
    """Return the worker of this process, which is not running yet."""
    settings, old_world = base.settings, people.old_world
    # Each kind by itself, so that slow receivers of one hold up no other.
    handlers: Mapping[str, Handler] = {
        END_ACCESS: EndAccess(ending=people.ending, registries=registries.access),
        MAIL: MailHandler(mailer=open_mailer(settings.mail.url, settings.mail.sender)),
        BACKCHANNEL_LOGOUT: BackchannelLogout(
            clients=registries.clients,
            subjects=registries.subjects,
            signer=registries.signer,
            insecure_allow_private=settings.insecure_allow_private_addresses,
            ca_bundle=settings.ca_bundle,
        ),
        **({} if old_world is None else {LOOK: old_world.look}),
    }
    deliveries = {
        f"outbox: {kind}": Deliveries(base.database, base.cipher, {kind: handler}).deliver
        for kind, handler in handlers.items()
    }
    streams = {
        f"events: {client_id}": partial(registries.push.deliver, client_id)
        for client_id, stream in settings.streams.items()
        if stream.url is not None
    }
    appliers = {
        **people.organizations.appliers(),
        **people.mappings.appliers(),
        **people.attestations.appliers(),
        **people.rule_changes.appliers(),
    }

    def of_its_own(verb: Callable[[Connection, datetime], object]) -> Chore:
        def chore(now: datetime) -> None:
            with base.database.begin() as connection:
                verb(connection, now)

        return chore

    return Worker(
        {
            **deliveries,
            **streams,
            "changes": lambda now: people.changes.apply_due(base.database, now, appliers),
            "rotation": base.rotation.rotate_due,
            "gone keys": base.rotation.destroy_gone,
            "audit": lambda _: base.audit.seal(),
            "expiry: emails": of_its_own(people.emails.expire),
            "expiry: invitations": of_its_own(people.invitations.expire),
            "expiry: exceptions": of_its_own(people.exceptions.expire),
            "expiry: refresh tokens": of_its_own(registries.refresh_tokens.expire),
            "expiry: events": of_its_own(partial(expire_events, listeners=settings.streams.keys())),
            "reminders": of_its_own(people.attestations.remind),
            **({} if old_world is None else _of_old_world(old_world)),
        },
        base.clock,
    )


def _of_old_world(old_world: OldWorld) -> dict[str, Chore]:
    return {
        "old world: cases": old_world.due.run,
        "old world: waves": old_world.campaign.waves.run,
        "old world: closing": old_world.campaign.closing.run,
        "old world: forgetting": old_world.campaign.forgetting.run,
    }
