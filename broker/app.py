"""The composition root: the whole broker, put together in one place. It reads as a table of contents."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from flask import Flask, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.middleware.proxy_fix import ProxyFix

from broker import logs, metrics
from broker.accounts.emails import EmailChanges
from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.composition import chores, entrance, foundation, health, pages, people, registries, seeing
from broker.composition.foundation import Foundation
from broker.composition.people import People
from broker.events.worker import Worker
from broker.keys.signing import SigningKeys
from broker.oidc.clients import Clients
from broker.settings import Settings
from broker.signin.gate import Gate
from broker.signin.proofs import ProviderProofs
from broker.signin.sessions import Sessions
from broker.storage.database import Database
from broker.storage.store import ShortLived, StoreFull, StoreUnavailable
from broker.switches import guard
from broker.switches.service import Switches
from broker.web import init_web
from broker.web.draining import LastAnswers
from broker.web.errors import BrokerError
from broker.web.late import LateRule

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time: the one place where the clock is read."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What tests, the command line and the server need of a running broker beside its pages."""

    settings: Settings
    database: Database
    store: ShortLived
    audit: Audit
    switches: Switches
    keys: SigningKeys
    people: People
    accounts: Accounts
    emails: EmailChanges
    sessions: Sessions
    clients: Clients
    proofs: ProviderProofs
    gate: Gate
    worker: Worker

    def close(self) -> None:
        """Give back every connection."""
        self.worker.stop()
        self.store.close()
        self.database.dispose()


def serve(settings: Settings, *, draining: Callable[[], bool], working: bool) -> Flask:
    """Return the application of a serving process. ``draining`` says that it is to end; ``working``: with a worker."""
    logs.begin(settings.log)
    seeing.begin(settings)
    app = create_app(settings, draining=draining)
    app.wsgi_app = LastAnswers(app.wsgi_app, draining)  # type: ignore[method-assign]  # as Flask documents it
    if working:
        parts(app).worker.start()
    return app


def background(settings: Settings) -> tuple[Worker, Foundation]:
    """Return the worker of a process that does not serve, and what is to be closed when it has stopped."""
    logs.begin(settings.log)
    seeing.begin(settings, serving=False)
    base = foundation.lay(settings, utc_now)
    seeing.look_at(base)
    persons = people.gather(base)
    return chores.worker(base, persons, registries.serve(base, persons)), base


def never() -> bool:
    """Return that this process is not to end."""
    return False


def parts(app: Flask) -> Parts:
    """Return the parts of an application made by :func:`create_app`."""
    found = app.extensions["vestibule"]
    if not isinstance(found, Parts):
        raise TypeError("not an application of create_app")
    return found


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, draining: Callable[[], bool] = never
) -> Flask:
    """Return the broker as a WSGI application, over a database it can be used with. Starts no thread."""
    app = Flask("broker", static_folder=None, template_folder=None)
    app.url_rule_class = LateRule
    app.secret_key = settings.secrets.cookies_key()

    base = foundation.lay(settings, clock)
    persons = people.gather(base)
    served = registries.serve(base, persons)
    opened = entrance.open_up(base, persons, served)
    init_web(app, issuer=settings.issuer)
    guard.init(app, base.switches, clock)
    pages.furnish(app, base, persons, served, opened)
    health.probe(app, base, draining)
    for away in (StoreUnavailable, OperationalError, PoolExhausted):
        app.register_error_handler(away, _storage_away)
    seeing.watch(app, base, persons)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as Flask documents it

    base.keys.ensure(clock())
    _tell_state(settings, opened.proofs, served.clients)
    app.extensions["vestibule"] = Parts(
        settings=settings,
        database=base.database,
        store=base.store,
        audit=base.audit,
        switches=base.switches,
        keys=base.keys,
        people=persons,
        accounts=persons.accounts,
        emails=persons.emails,
        sessions=persons.sessions,
        clients=served.clients,
        proofs=opened.proofs,
        gate=opened.gate,
        worker=chores.worker(base, persons, served),
    )
    return app


def _tell_state(settings: Settings, proofs: ProviderProofs, clients: Clients) -> None:
    switches = [*settings.insecure(), *clients.insecure()]
    for switch in switches:
        log.warning("insecure switch is on", switch=switch)
    for provider_id, provider in settings.providers.items():
        state = proofs.state(provider_id).value if provider.enabled else "disabled"
        log.info("provider", provider=provider_id, state=state)


def _storage_away(error: Exception) -> ResponseReturnValue:
    """Without storage nothing can be proven single-use, so nothing goes through (fail closed)."""
    metrics.storage_away("store" if isinstance(error, StoreUnavailable) else "database")
    away = BrokerError(
        status=503,
        code="temporarily_unavailable",
        sentence="Part of the service is not answering. It is not your fault.",
        next_step="Wait a few minutes, then try again.",
        detail=type(error).__name__,
        # Whoever fills it does so any number of times: the store tells of it itself, once in a while.
        quiet=isinstance(error, StoreFull),
    )
    return current_app.handle_user_exception(away)
