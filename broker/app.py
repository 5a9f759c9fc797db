"""The composition root: the whole broker, put together in one place. It reads as a table of contents."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex

import structlog
from flask import Flask, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.middleware.proxy_fix import ProxyFix

from broker.accounts import views as account_views
from broker.accounts.emails import EmailChanges
from broker.accounts.end_access import END_ACCESS, EndAccess
from broker.accounts.limits import MailLimit
from broker.accounts.linking import LinkGoal
from broker.accounts.service import Accounts
from broker.accounts.visit import AccountPages
from broker.audit.service import Audit
from broker.events.delivery import Deliveries
from broker.events.handling import Handler
from broker.events.mail import MAIL, MailHandler
from broker.events.mailer import open_mailer
from broker.events.service import Outbox
from broker.events.worker import Worker
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.logs import configure
from broker.oidc import views as oidc_views
from broker.oidc.access import Access
from broker.oidc.api.context import Api
from broker.oidc.api.metadata import Metadata
from broker.oidc.authentication import ClientAuthentication
from broker.oidc.authorize.checks import Knowledge
from broker.oidc.authorize.endpoint import Authorize
from broker.oidc.authorize.table import Validator
from broker.oidc.clients import Clients
from broker.oidc.codes import Codes
from broker.oidc.consent import views as consent_views
from broker.oidc.consent.pending import PendingConsents
from broker.oidc.consent.service import Consents
from broker.oidc.device import views as device_views
from broker.oidc.device.confirmations import Confirmations
from broker.oidc.device.goal import DeviceGoal
from broker.oidc.device.guesses import Guesses
from broker.oidc.device.pages import DevicePages
from broker.oidc.device.service import Devices
from broker.oidc.goal import RegistryGoal
from broker.oidc.grants import TokenServer
from broker.oidc.jose.assertions import ClientAssertions
from broker.oidc.jose.client_keys import ClientKeys
from broker.oidc.jose.dpop import Nonces, Proofs
from broker.oidc.jose.request_object import RequestObjects
from broker.oidc.logout import views as logout_views
from broker.oidc.logout.backchannel import BackchannelLogout
from broker.oidc.proofs import KeyProofs
from broker.oidc.pushed import PushedRequests
from broker.oidc.redeem import Redeemer
from broker.oidc.registration.service import Registration
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.access import AccessTokens
from broker.oidc.tokens.id_token import IdTokens
from broker.oidc.tokens.marks import Marks
from broker.oidc.tokens.refresh import RefreshTokens
from broker.oidc.tokens.signed import Signer
from broker.settings import Settings, load
from broker.settings.clients import ALGORITHMS
from broker.signin import views as signin_views
from broker.signin.browser import Browser
from broker.signin.ending import BACKCHANNEL_LOGOUT, Ending
from broker.signin.gate import Gate
from broker.signin.opening import Opening
from broker.signin.own_goals import AccountGoal, ProbeGoal
from broker.signin.policy import Policy
from broker.signin.proofs import ProviderProofs
from broker.signin.sessions import Sessions
from broker.signin.transactions import Goal, Transactions
from broker.storage.database import Database
from broker.storage.store import MEMORY_URL, ShortLived, StoreUnavailable, open_store
from broker.web import csrf, init_web
from broker.web.cookies import Cookies
from broker.web.errors import BrokerError
from broker.web.relay import Relay
from providers.catalog import build
from providers.http import guarded_get

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

    # Storage and keys
    database = Database(settings.database.url)
    store = open_store(settings.store.url)
    cipher = FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
    keys = SigningKeys(database, cipher, ALGORITHMS)
    audit = Audit(database, settings.secrets.audit_key())
    rotation = Rotation(database, cipher, keys, audit, settings.keys)
    outbox = Outbox(cipher)

    # People
    email_index = BlindIndex(settings.secrets.index_key())
    accounts = Accounts(
        cipher,
        Pseudonyms(settings.secrets.pseudonym_keys(), settings.secrets.pseudonym_writes),
        email_index,
        audit,
        outbox,
    )
    emails = EmailChanges(accounts, cipher, audit, outbox)
    sessions = Sessions(store, cipher, timedelta(seconds=settings.session.lifetime))
    transactions = Transactions(store, cipher)
    policy = Policy(settings.policy)
    opening = Opening(accounts, sessions, audit)
    ending = Ending(
        sessions=sessions,
        store=store,
        outbox=outbox,
        audit=audit,
        database=database,
        token_lifetime=settings.tokens.access,
    )

    # Registries
    clients = Clients(settings, database)
    codes = Codes(store, cipher, settings.tokens.code)
    pushed = PushedRequests(store, cipher, settings.tokens.pushed_request)
    pending = PendingConsents(store, cipher)
    consents = Consents(audit)
    subjects = Subjects(database, settings.secrets.derived_key("sid"))
    client_keys = ClientKeys(settings.insecure_allow_private_addresses, settings.ca_bundle)
    nonces = Nonces(settings.secrets.derived_key("dpop-nonce"))
    key_proofs = KeyProofs(Proofs(store, nonces), nonces, clock)
    signer = Signer(keys, settings.issuer)
    marks = Marks(store, settings.tokens.access)
    # In-process marks are forgotten at a restart, so the tokens they could have ended are too.
    epoch = token_hex(16) if settings.store.url == MEMORY_URL else ""
    access_tokens = AccessTokens(cipher, signer, marks, epoch)
    refresh_tokens = RefreshTokens(cipher, timedelta(seconds=settings.tokens.refresh))
    id_tokens = IdTokens(signer, settings.tokens.id_token)
    access = Access(
        clients=clients,
        consents=consents,
        refresh_tokens=refresh_tokens,
        marks=marks,
        subjects=subjects,
        audit=audit,
        database=database,
        clock=clock,
    )
    registry_goal = RegistryGoal(
        clients=clients,
        codes=codes,
        pushed=pushed,
        consents=consents,
        pending=pending,
        subjects=subjects,
        opening=opening,
        policy=policy,
        issuer=settings.issuer,
    )
    devices = Devices(store=store, sealer=cipher, index=email_index, lifetime=settings.tokens.device_code, clock=clock)
    confirmations = Confirmations(store, cipher)
    device_goal = DeviceGoal(clients=clients, confirmations=confirmations, opening=opening, policy=policy)

    # Providers
    proofs = ProviderProofs(settings.providers, database)
    providers = {
        provider_id: build(provider_id, each, f"{settings.issuer}/callback/{provider_id}")
        for provider_id, each in settings.providers.items()
        if each.enabled
    }
    link_goal = LinkGoal(accounts, sessions, policy)
    gate = Gate(
        providers=providers,
        handlers={
            Goal.REGISTRY: registry_goal,
            Goal.ACCOUNT: AccountGoal(opening, policy),
            Goal.LINK: link_goal,
            Goal.PROBE: ProbeGoal(proofs, policy),
            Goal.DEVICE: device_goal,
        },
        transactions=transactions,
        proofs=proofs,
        database=database,
        store=store,
        audit=audit,
        ending=ending,
    )

    # Pages and endpoints
    init_web(app, issuer=settings.issuer)
    browser = Browser(Cookies(settings.issuer))
    relay = Relay(cipher)
    way_in = signin_views.WayIn(
        gate=gate,
        transactions=transactions,
        sessions=sessions,
        proofs=proofs,
        relay=relay,
        accounts=accounts,
        database=database,
        browser=browser,
        ending=ending,
        session_lifetime=settings.session.lifetime,
        clock=clock,
    )
    enabled = frozenset(providers)
    validator = Validator(
        Knowledge(
            clients=clients,
            providers=enabled,
            id_tokens=id_tokens,
            pushed=pushed,
            request_objects=RequestObjects(settings.issuer, client_keys),
        ),
        settings.issuer,
    )
    authorize = Authorize(
        validator=validator,
        goal=registry_goal,
        pending=pending,
        subjects=subjects,
        sessions=sessions,
        transactions=transactions,
        accounts=accounts,
        audit=audit,
        policy=policy,
        providers=enabled,
        database=database,
        store=store,
        browser=browser,
        relay=relay,
        issuer=settings.issuer,
        clock=clock,
    )
    consent_pages = consent_views.ConsentPages(
        goal=registry_goal,
        pending=pending,
        consents=consents,
        sessions=sessions,
        accounts=accounts,
        policy=policy,
        audit=audit,
        providers=enabled,
        database=database,
        store=store,
        browser=browser,
        issuer=settings.issuer,
        clock=clock,
    )
    device_pages = DevicePages(
        devices=devices,
        confirmations=confirmations,
        guesses=Guesses(store),
        goal=device_goal,
        clients=clients,
        consents=consents,
        sessions=sessions,
        transactions=transactions,
        accounts=accounts,
        policy=policy,
        audit=audit,
        providers=enabled,
        database=database,
        browser=browser,
        clock=clock,
    )
    redeemer = Redeemer(
        accounts=accounts,
        codes=codes,
        consents=consents,
        access_tokens=access_tokens,
        access_lifetime=settings.tokens.access,
        refresh_tokens=refresh_tokens,
        id_tokens=id_tokens,
        marks=marks,
        subjects=subjects,
        audit=audit,
        policy=policy,
        providers=enabled,
        database=database,
        clock=clock,
    )
    authentication = ClientAuthentication(
        find=clients.get,
        assertions=ClientAssertions(settings.issuer, client_keys, store),
        clock=clock,
    )
    api = Api(
        issuer=settings.issuer,
        clients=clients,
        authentication=authentication,
        proofs=key_proofs,
        server=TokenServer(
            redeemer=redeemer,
            devices=devices,
            authentication=authentication,
            proofs=key_proofs,
            endpoint=f"{settings.issuer}/token",
        ),
        validator=validator,
        pushed=pushed,
        redeemer=redeemer,
        devices=devices,
        registration=Registration(
            clients=clients,
            audit=audit,
            database=database,
            issuer=settings.issuer,
            fetch=partial(
                guarded_get,
                insecure_allow_private=settings.insecure_allow_private_addresses,
                ca_bundle=settings.ca_bundle,
                timeout=(2.0, 3.0),
                total=5.0,
            ),
            insecure_allow_private_addresses=settings.insecure_allow_private_addresses,
        ),
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        marks=marks,
        signer=signer,
        metadata=Metadata(settings.issuer),
        keys=keys,
        accounts=accounts,
        audit=audit,
        providers=enabled,
        database=database,
        clock=clock,
    )
    account_pages = AccountPages(
        accounts=accounts,
        emails=emails,
        sessions=sessions,
        transactions=transactions,
        gate=gate,
        link_goal=link_goal,
        policy=policy,
        audit=audit,
        database=database,
        browser=browser,
        ending=ending,
        registries=access,
        mail_limit=MailLimit(store, email_index),
        issuer=settings.issuer,
        clock=clock,
    )
    logout_pages = logout_views.LogoutPages(
        clients=clients,
        id_tokens=id_tokens,
        sessions=sessions,
        ending=ending,
        subjects=subjects,
        browser=browser,
        relay=relay,
        clock=clock,
    )
    for_programs = (
        oidc_views.api_blueprint(api),
        oidc_views.form_blueprint(authorize),
        signin_views.callback_blueprint(way_in),
        logout_views.form_blueprint(logout_pages),
    )
    for blueprint in for_programs:
        csrf.protection(app).exempt(blueprint)
        app.register_blueprint(blueprint)
    app.register_blueprint(oidc_views.browser_blueprint(authorize))
    app.register_blueprint(consent_views.blueprint(consent_pages))
    app.register_blueprint(device_views.blueprint(device_pages))
    app.register_blueprint(signin_views.blueprint(way_in))
    app.register_blueprint(account_views.blueprint(account_pages))
    app.register_blueprint(logout_views.blueprint(logout_pages))
    app.register_error_handler(StoreUnavailable, _storage_away)
    app.register_error_handler(OperationalError, _storage_away)
    app.register_error_handler(PoolExhausted, _storage_away)

    # The world outside
    # Each kind by itself, so that slow receivers of one hold up no other.
    handlers: Mapping[str, Handler] = {
        END_ACCESS: EndAccess(ending=ending, registries=access),
        MAIL: MailHandler(mailer=open_mailer(settings.mail.url, settings.mail.sender)),
        BACKCHANNEL_LOGOUT: BackchannelLogout(
            clients=clients,
            subjects=subjects,
            signer=signer,
            insecure_allow_private=settings.insecure_allow_private_addresses,
            ca_bundle=settings.ca_bundle,
        ),
    }
    deliveries = {
        f"outbox: {kind}": Deliveries(database, cipher, {kind: handler}).deliver for kind, handler in handlers.items()
    }
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as Flask documents it
    keys.ensure(clock())
    _tell_state(settings, proofs, clients)
    app.extensions["vestibule"] = Parts(
        settings=settings,
        database=database,
        store=store,
        audit=audit,
        keys=keys,
        accounts=accounts,
        emails=emails,
        sessions=sessions,
        clients=clients,
        proofs=proofs,
        gate=gate,
        worker=Worker(
            {
                **deliveries,
                "rotation": rotation.rotate_due,
                "gone keys": rotation.destroy_gone,
                "audit": lambda _: audit.seal(),
                "expiry": lambda now: _expire(database, emails, refresh_tokens, now),
            },
            clock,
        ),
    )
    return app


def _expire(database: Database, emails: EmailChanges, refresh_tokens: RefreshTokens, now: datetime) -> None:
    with database.begin() as connection:
        emails.expire(connection, now)
        refresh_tokens.expire(connection, now)


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
