"""The composition root: the whole broker, put together in one place. It reads as a table of contents."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from flask import Flask, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.middleware.proxy_fix import ProxyFix

from broker.accounts.emails import EmailChanges
from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.composition import chores, entrance, foundation, pages, people, registries
from broker.composition.people import People
from broker.events.worker import Worker
from broker.keys.signing import SigningKeys
from broker.logs import configure
from broker.oidc.clients import Clients
from broker.settings import Settings, load
from broker.signin.gate import Gate
from broker.signin.proofs import ProviderProofs
from broker.signin.sessions import Sessions
from broker.storage.database import Database
from broker.storage.store import ShortLived, StoreUnavailable
from broker.web import init_web
from broker.web.errors import BrokerError

CONFIG_VARIABLE = "VESTIBULE_CONFIG"
MAX_BODY = 64 * 1024  # bytes; a provider's form post is the largest we take

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


def serve() -> Flask:
    """Return the application of a server process, configured by ``VESTIBULE_CONFIG``, with its worker running."""
    settings = load(Path(os.environ[CONFIG_VARIABLE]), os.environ)
    configure(settings.log)
    app = create_app(settings)
    parts(app).worker.start()
    return app


def parts(app: Flask) -> Parts:
    """Return the parts of an application made by :func:`create_app`."""
    found = app.extensions["vestibule"]
    if not isinstance(found, Parts):
        raise TypeError("not an application of create_app")
    return found


def create_app(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Flask:
    """Return the broker as a WSGI application. The database's schema must be current. Starts no thread."""
    app = Flask("broker", static_folder=None, template_folder=None)
    app.secret_key = settings.secrets.cookies_key()
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY

    base = foundation.lay(settings, clock)
    persons = people.gather(base)
    served = registries.serve(base, persons)
    opened = entrance.open_up(base, persons, served)
    init_web(app, issuer=settings.issuer)
    pages.furnish(app, base, persons, served, opened)
    for away in (StoreUnavailable, OperationalError, PoolExhausted):
        app.register_error_handler(away, _storage_away)
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
    away = BrokerError(
        status=503,
        code="temporarily_unavailable",
        sentence="Part of the service is not answering. It is not your fault.",
        next_step="Wait a few minutes, then try again.",
        detail=type(error).__name__,
    )
    return current_app.handle_user_exception(away)
