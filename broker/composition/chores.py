"""What is done in the background."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from broker import metrics
from broker.accounts.end_access import END_ACCESS, EndAccess
from broker.composition.foundation import Foundation
from broker.composition.old_world import OldWorld
from broker.composition.people import People
from broker.composition.registries import Registries
from broker.events.delivery import Deliveries
from broker.events.glance import Waiting
from broker.events.handling import Handler
from broker.events.mail import MAIL, MailHandler
from broker.events.mailer import open_mailer
from broker.events.replay import expire as expire_events
from broker.events.worker import Chore, Worker
from broker.metrics.counts import SignInCounts
from broker.metrics.state import Survey, Watched
from broker.oidc.logout.backchannel import BackchannelLogout
from broker.signin.ending import BACKCHANNEL_LOGOUT
from broker.storage.database import exclusive
from broker.storage.store import MEMORY_URL
from migrations.accounts.recovery.service import LOOK

WORKER_SEEN = "worker:seen"
"""The key of the store that is there while any worker works."""
WORKER_SEEN_FOR = 90  # seconds

# Seconds from one time to the next. What is not here, and not waited for, takes its own time.
_EVERY: Mapping[str, float] = {
    **dict.fromkeys(("switches", "audit", "old world: cases", "old world: waves"), 5.0),
    **dict.fromkeys(("changes", "rotation", "gone keys", "sign-ins by the hour", "numbers"), 10.0),
    **dict.fromkeys(("old world: closing", "old world: forgetting"), 10.0),
    "seen": WORKER_SEEN_FOR / 3,
}
_SELDOM = 60.0


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
    kinds = {kind: f"outbox: {kind}" for kind in handlers}
    clients = {each: f"events: {each}" for each, stream in settings.streams.items() if stream.url is not None}
    deliveries = {
        kinds[kind]: Deliveries(base.database, base.cipher, {kind: handler}).deliver
        for kind, handler in handlers.items()
    }
    streams = {name: partial(registries.push.deliver, client_id) for client_id, name in clients.items()}
    appliers = {
        **people.organizations.appliers(),
        **people.mappings.appliers(),
        **people.attestations.appliers(),
        **people.rule_changes.appliers(),
    }

    def unless_read_only(chore: Chore) -> Chore:
        # Nobody can object to, or stop, what comes about while nothing may be changed.
        def held(now: datetime) -> None:
            if not base.switches.thrown(now).read_only:
                chore(now)

        return held

    def of_its_own(name: str, verb: Callable[[Connection, datetime], object]) -> Chore:
        def chore(now: datetime) -> None:
            with base.database.begin() as connection:
                exclusive(connection, f"chore: {name}")  # two that forget the same could wait for each other
                verb(connection, now)

        return chore

    seldom: Mapping[str, Callable[[Connection, datetime], object]] = {
        "expiry: emails": people.emails.expire,
        "expiry: invitations": people.invitations.expire,
        "expiry: exceptions": people.exceptions.expire,
        "expiry: refresh tokens": registries.refresh_tokens.expire,
        "expiry: events": partial(expire_events, listeners=settings.streams.keys()),
        "reminders": people.attestations.remind,
    }
    metrics.know("kind", handlers)
    metrics.know("client", settings.streams)
    return Worker(
        {
            **deliveries,
            **streams,
            "changes": unless_read_only(lambda now: people.changes.apply_due(base.database, now, appliers)),
            "switches": base.switches.mend,
            "rotation": base.rotation.rotate_due,
            "gone keys": base.rotation.destroy_gone,
            "audit": lambda _: base.audit.seal(),
            "sign-ins by the hour": SignInCounts(base.database).count,
            "numbers": _survey(base, handlers.keys()).look,
            "expiry: outbox": Deliveries(base.database, base.cipher, handlers).expire,
            **{name: of_its_own(name, verb) for name, verb in seldom.items()},
            **({} if old_world is None else {name: unless_read_only(each) for name, each in _of_old_world(old_world)}),
            **_seen(base),
        },
        base.clock,
        every={**_EVERY, **dict.fromkeys((*seldom, "expiry: outbox"), _SELDOM)},
        glance=Waiting(database=base.database, kinds=kinds, clients=clients),
    )


def _seen(base: Foundation) -> Mapping[str, Chore]:
    """Leave word that there is a worker, where others than this process may want to know."""
    if base.settings.store.url == MEMORY_URL:
        return {}
    return {"seen": lambda _: base.store.put(WORKER_SEEN, b"1", WORKER_SEEN_FOR)}


def _survey(base: Foundation, kinds: Collection[str]) -> Survey:
    return Survey(
        Watched(
            database=base.database,
            keys=base.keys,
            rotation=base.rotation,
            audit=base.audit,
            switches=base.switches,
            kinds=kinds,
            clients=base.settings.streams.keys(),
            certificate=base.settings.listen.tls_certificate,
        )
    )


def _of_old_world(old_world: OldWorld) -> Sequence[tuple[str, Chore]]:
    return (
        ("old world: cases", old_world.due.run),
        ("old world: waves", old_world.campaign.waves.run),
        ("old world: closing", old_world.campaign.closing.run),
        ("old world: forgetting", old_world.campaign.forgetting.run),
    )
