"""``vestibule demo``: puts everything up, says what to try, and takes it down again."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import click
import trustme

from broker.demo.addresses import DEFAULT_BASE, LAST_BASE, Addresses
from broker.demo.configuration import CLIENT_ID, PROVIDERS, callbacks, overrides, prepare
from broker.demo.mailbox import folder_of
from broker.demo.old_world import PERSON, TEAM, import_accounts
from broker.demo.processes import Child, ChildFailed
from broker.ports import is_free
from broker.settings import Settings, load
from broker.settings.fresh import FILE_NAME, write_private
from broker.storage import schema
from providers.standins import NORTHWIND, TENANTS, Canary, demo_personas, people
from providers.standins.server import CA_FILE

_LOOK_EVERY = 0.5  # seconds
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """The demo cannot run; the text says why, and the next step."""


def run(folder: Path, addresses: Addresses) -> None:
    """Run the demo until SIGINT, SIGTERM or SIGHUP. Raises :class:`DemoError`, ``SettingsError``."""
    for what, port in addresses.ports().items():
        if not is_free("127.0.0.1", port):
            raise DemoError(
                f"Port {port}, for {what}, is taken. "
                f"Free it, or move all four: --port-base {_another_base(addresses.base)}"
            )
    with _stop_event() as stop, ExitStack() as running:
        demo = _Demo(folder, addresses, running)
        try:
            for start in (demo.start_standins, demo.start_broker, demo.start_registry):
                if not stop.is_set():
                    start()
            if not stop.is_set():
                click.echo(page(folder, addresses, demo.mail, demo.passwords))
            while not stop.wait(_LOOK_EVERY):
                demo.must_run()
        except ChildFailed as error:
            raise DemoError(str(error)) from None
    click.echo(f"The demo has stopped. What it kept is in {folder}")


def _another_base(base: int) -> int:
    return base + 1000 if base + 1000 <= LAST_BASE else DEFAULT_BASE


@contextmanager
def _stop_event() -> Iterator[Event]:
    """Yield what the stop signals set, which for that while do nothing else."""
    stop = Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in _STOP_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Demo:
    """The three processes, started in this order; each is stopped, the last one first, when ``running`` ends.

    ``mail`` is the folder that the broker writes its mail to, once it runs, if it does; ``passwords`` are those of the
    accounts of the old world, by name.
    """

    def __init__(self, folder: Path, addresses: Addresses, running: ExitStack) -> None:
        self._folder = folder
        self._addresses = addresses
        self._running = running
        self._children: list[Child] = []
        self._path = prepare(folder, addresses)
        self._environ = overrides(self._path, addresses)
        self._broker_ca = _https(folder, self._environ) if addresses.https else None
        self._registry_secret = self._registry_scope = ""
        self.mail: Path | None = None
        self.passwords: Mapping[str, str] = {}

    def start_standins(self) -> None:
        addresses = self._addresses
        uris = callbacks(self._path, addresses)
        standins = self._start(
            "stand-ins",
            "providers.standins",
            f"--browser-port={addresses.standins_port}",
            f"--backchannel-port={addresses.back_channel_port}",
            f"--ca-dir={self._folder}",
            *(["--issuer-callbacks", *uris] if uris else []),
        )
        document = f"{addresses.back_channel}/oidc/.well-known/openid-configuration"
        standins.wait_until_it_answers(document, self._folder / CA_FILE)

    def start_broker(self) -> None:
        settings = load(self._path, {**os.environ, **self._environ})
        self._registry_secret = _registry_secret(self._path, settings)
        self._registry_scope = " ".join(settings.clients[CLIENT_ID].scopes)
        self.mail = folder_of(settings.mail.url)
        schema.upgrade(settings.database.url)
        self.passwords = import_accounts(self._folder, settings, lambda: datetime.now(UTC))
        broker = self._start("broker", "broker.cli", f"--config={self._path}", "serve")
        document = f"{self._addresses.issuer}/.well-known/openid-configuration"
        broker.wait_until_it_answers(document, self._broker_ca)

    def start_registry(self) -> None:
        addresses = self._addresses
        registry = self._start(
            "demo registry",
            "broker.demo.registry",
            REGISTRY_URL=addresses.registry,
            REGISTRY_ISSUER=addresses.issuer,
            REGISTRY_CLIENT_ID=CLIENT_ID,
            REGISTRY_CLIENT_SECRET=self._registry_secret,
            REGISTRY_SCOPE=self._registry_scope,
            REGISTRY_CA_BUNDLE=str(self._broker_ca or ""),
            REGISTRY_MAIL=str(self.mail or ""),
        )
        registry.wait_until_it_answers(addresses.registry)

    def must_run(self) -> None:
        """Raise ``ChildFailed`` if any process has ended."""
        for child in self._children:
            child.must_run()

    def _start(self, name: str, module: str, *arguments: str, **more: str) -> Child:
        log = self._folder / f"{name.replace(' ', '-')}.log"
        child = Child(f"The {name}", module, arguments, self._environ | more, log)
        self._running.callback(child.stop)
        self._children.append(child)
        return child


def _registry_secret(path: Path, settings: Settings) -> str:
    client = settings.clients.get(CLIENT_ID)
    if client is None or client.secret is None:
        raise DemoError(
            f"The demo registry has no clients.{CLIENT_ID} with a secret in {path}. "
            "Put it back, or start with another --data."
        )
    return client.secret.get_secret_value()


def _https(folder: Path, environ: dict[str, str]) -> Path:
    """Have the broker speak TLS, under a private CA whose key is never written. Return the CA's certificate."""
    authority = trustme.CA(organization_name="Vestibule demo")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    ca_file, chain, key = (folder / name for name in ("broker-ca.pem", "broker-certificate.pem", "broker-key.pem"))
    ca_file.write_bytes(authority.cert_pem.bytes())
    chain.write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
    key.unlink(missing_ok=True)
    write_private(key, certificate.private_key_pem.bytes().decode())
    environ["VESTIBULE__LISTEN__TLS_CERTIFICATE"] = str(chain)
    environ["VESTIBULE__LISTEN__TLS_KEY"] = str(key)
    return ca_file


def page(folder: Path, addresses: Addresses, mail: Path | None, passwords: Mapping[str, str]) -> str:
    """Return what there is to try."""
    lines = ["", "Vestibule is running. Sign in at the demo registry:", "", f"    {addresses.registry}", ""]
    lines.append("At a provider's sign-in page, pick a person. Who they are, and how it ends:")
    folk = demo_personas(people(Canary()))
    width = max(len(name) for name, *_ in folk)
    for kind, provider_id in PROVIDERS.items():
        lines += ["", f"  {provider_id}"]
        lines += [f"    {name:{width}}  {label}. {expected}" for name, of, label, expected in folk if of == kind]
    lines += [
        "",
        f"  broker       {addresses.issuer}   (your account: {addresses.issuer}/account)",
        f"  registry     {addresses.registry}   (what it learnt: {addresses.registry}/whoami)",
        f"  stand-ins    {addresses.standins} and {addresses.back_channel}",
        f"  everything   {folder}: vestibule.toml to change and start again, logs in *.log",
    ]
    if mail is not None:
        lines.append(f"  mail         {addresses.registry}/mail   (to everybody)")
    if addresses.https:
        lines.append(f"  certificate  {folder / 'broker-ca.pem'} signed the broker's, for this run alone")
    lines += ["", *_organizations(folder, addresses)]
    if passwords and mail is not None:
        lines += ["", *_old_world(addresses, passwords)]
    return "\n".join([*lines, "", "Ctrl-C stops it all.", ""])


def _organizations(folder: Path, addresses: Addresses) -> list[str]:
    """Return how to have a tenant mapped, by an organisation's admin and an operator, who are not the same."""
    northwind = TENANTS[NORTHWIND]
    steps = (
        f"At {addresses.issuer}/account choose Work account, entra-admin.",
        "The page ends with the account id. With it, in another terminal:",
        f"vestibule --config {folder / FILE_NAME} operators add ACCOUNT_ID",
        f"In another browser, or a private window, at {addresses.issuer}/organizations",
        "choose Work account, entra-mfa. Make an organisation, and ask for the tenant of",
        f"{northwind.name}, {northwind.tid}. Prove it as northwind-admin.",
        f"In the first browser, at {addresses.issuer}/operator, approve it.",
        f"In the second, on the tenant's page, say that {northwind.domain} leads there.",
        f'At the registry, choose "Use a work account", and type {northwind.domain}:',
        "northwind-mfa is signed in, northwind-pwd is not.",
    )
    return ["To try organisations, which takes two people:", "", *(f"    {step}" for step in steps)]


def _old_world(addresses: Addresses, passwords: Mapping[str, str]) -> list[str]:
    """Return how an account with a password becomes a person's, and one that is shared an organisation."""
    steps = (
        f"At {addresses.issuer}/claim name the account {PERSON}, and have the link sent.",
        f"Follow it from {addresses.registry}/mail, in the same browser. Then give the password:",
        passwords[PERSON],
        "and sign in in any way that proves a second factor.",
        f"{TEAM} is shared, and becomes an organisation of two people or more. Its password:",
        passwords[TEAM],
    )
    return ["To try leaving the old world:", "", *(f"    {step}" for step in steps)]
