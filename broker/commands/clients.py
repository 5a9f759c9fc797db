"""``vestibule clients``: the registries."""

import json
import secrets
import tomllib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import Connection

from broker.audit.service import Audit
from broker.commands import registration_tokens
from broker.commands.context import Refusal, opened, table, utc_now, with_path
from broker.oidc.clients import Clients
from broker.settings import ClientMetadata, Settings, parse_client
from broker.settings.clients import SECRET_METHODS
from broker.storage.database import Database

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Verb = Callable[[Clients, Connection, Audit, datetime], None]


@click.group()
def clients() -> None:
    """The registries that trust us."""


for command in registration_tokens.COMMANDS:
    clients.add_command(command)


@clients.command("list")
@with_path
def list_clients(path: Path) -> None:
    """Show every client, from the configuration and from the database."""
    with opened(path) as (settings, database):
        found = Clients(settings, database).all()
    if not found:
        click.echo("There is no client yet. Add one: vestibule clients add")
        return
    rows = [
        (
            client.client_id,
            client.name,
            client.auth_method,
            client.id_token_signed_response_alg,
            "active" if client.enabled else "disabled",
            where,
        )
        for client, where in found
    ]
    click.echo(table([("CLIENT", "NAME", "AUTHENTICATION", "ID TOKEN", "STATE", "DEFINED IN"), *rows]))


@clients.command()
@click.argument("client_id")
@with_path
def show(path: Path, client_id: str) -> None:
    """Show all settings of a client, as the configuration would have them."""
    with opened(path) as (settings, database):
        configured = settings.clients.get(client_id)
        with database.read() as connection:
            found = None if configured else Clients(settings, database).registered(connection, client_id)
    if configured is not None:
        _show(client_id, configured, configured.enabled, "configuration")
    elif found is not None:
        itself = "no" if found.management_sha256 is None else "yes"
        added = ("added", found.created_at.strftime("%Y-%m-%d %H:%M UTC"))
        _show(client_id, found.metadata, found.client.enabled, "database", added, ("registered itself", itself))
    else:
        raise _unknown(client_id)


@clients.command()
@click.argument("client_id")
@click.option("--settings", "file", type=_FILE, help="A TOML or JSON file with the whole table; options outrank it.")
@click.option("--jwks", "jwks_file", type=_FILE, help="A JSON file with its public keys, a JWK Set.")
@click.option("--name", help="The name people know it by.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Exact; may be repeated.")
@click.option(
    "--auth-method", help="client_secret_basic, which is the default, client_secret_post, private_key_jwt, none."
)
@click.option("--grant-type", "grant_types", multiple=True, help="May be repeated; without it, authorization_code.")
@click.option("--scope", "scopes", multiple=True, help="May be repeated; without it, openid, profile and email.")
@click.option("--alg", "id_token_signed_response_alg", help="What signs its ID tokens; without it, RS256.")
@click.option("--jwks-uri", help="An https URL of its public keys.")
@click.option("--provider", "providers", multiple=True, help="May be repeated; without it, every provider.")
@click.option("--first-party", is_flag=True, help="It is ours: nobody is asked for consent.")
@click.option("--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, help="May be repeated.")
@click.option("--backchannel-logout-uri", help="Where it is told of sessions that ended.")
@with_path
def add(path: Path, client_id: str, file: Path | None, jwks_file: Path | None, **given: object) -> None:
    """Add a client, and show its secret: this once."""
    described = {} if file is None else _read(file)
    for name, value in given.items():
        if value not in (None, (), False):
            described[name] = list(value) if isinstance(value, tuple) else value
    if jwks_file is not None:
        described["jwks"] = _read(jwks_file)
    secret = None
    if "secret" not in described and str(described.get("auth_method", "client_secret_basic")) in SECRET_METHODS:
        described["secret"] = secret = secrets.token_urlsafe(32)
    with opened(path) as (settings, database):
        client = parse_client(client_id, described, settings)
        registry, audit, now = Clients(settings, database), _audit(settings, database), utc_now()
        kept = client.secret.get_secret_value() if client.secret else None
        try:
            with database.begin() as connection:
                registry.add(connection, client_id, client, audit, now, secret=kept)
                if not client.enabled:
                    registry.set_status(connection, client_id, "disabled", audit, now)
        except ValueError:
            raise Refusal(f"There is a client {client_id} already. Choose another id.") from None
    without = "as in the file" if kept else f"none: {'a public client' if client.auth_method == 'none' else 'it signs'}"
    click.echo(f"client_id      {client_id}")
    click.echo(f"client_secret  {secret or without}")
    click.echo(f"issuer         {settings.issuer}")
    if client.insecure_pkce_optional:
        click.echo("warning        insecure_pkce_optional is on")
    if secret is not None:
        click.echo("\nThe secret is shown this once, and kept here only as a hash.")


@clients.command()
@click.argument("client_id")
@with_path
def remove(path: Path, client_id: str) -> None:
    """Remove a client with all it was granted. To stop one for a while: vestibule clients disable."""

    def verb(registry: Clients, connection: Connection, audit: Audit, now: datetime) -> None:
        registry.remove(connection, client_id, audit, now)

    _change(path, client_id, "Take it out there", verb)
    click.echo(f"{client_id} is removed, with the consents and refresh tokens it had.")


@clients.command()
@click.argument("client_id")
@with_path
def disable(path: Path, client_id: str) -> None:
    """Refuse a client, at once and everywhere."""
    _set_status(path, client_id, "disabled")


@clients.command()
@click.argument("client_id")
@with_path
def enable(path: Path, client_id: str) -> None:
    """Let a disabled client in again."""
    _set_status(path, client_id, "active")


def _set_status(path: Path, client_id: str, status: str) -> None:
    def verb(registry: Clients, connection: Connection, audit: Audit, now: datetime) -> None:
        registry.set_status(connection, client_id, status, audit, now)

    _change(path, client_id, f"Set clients.{client_id}.enabled there", verb)
    click.echo(f"{client_id} is {status}.")


def _change(path: Path, client_id: str, instead: str, verb: Verb) -> None:
    """Do ``verb`` to a client of the database."""
    with opened(path) as (settings, database):
        if client_id in settings.clients:
            raise Refusal(f"{client_id} is defined in the configuration. {instead}, and restart.")
        try:
            with database.begin() as connection:
                verb(Clients(settings, database), connection, _audit(settings, database), utc_now())
        except LookupError:
            raise _unknown(client_id) from None


def _audit(settings: Settings, database: Database) -> Audit:
    return Audit(database, settings.secrets.audit_key())


def _unknown(client_id: str) -> Refusal:
    return Refusal(f"There is no client {client_id}. See: vestibule clients list")


def _read(file: Path) -> dict[str, object]:
    """Return the one table of a file: TOML by its name, JSON otherwise."""
    try:
        text = file.read_text(encoding="utf-8")
        value = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise Refusal(f"{file} cannot be read: {type(error).__name__}. It must be TOML or JSON, in UTF-8.") from None
    if not isinstance(value, dict):
        raise Refusal(f"{file} is not one table of settings.")
    return value


def _show(client_id: str, metadata: ClientMetadata, enabled: bool, where: str, *more: tuple[str, str]) -> None:
    kept = metadata.model_dump(mode="json", include=set(ClientMetadata.model_fields))
    rows: list[tuple[str, ...]] = [("client_id", client_id), ("state", "active" if enabled else "disabled")]
    rows += [("defined in", where), *more]
    rows += [(name, json.dumps(value, ensure_ascii=False)) for name, value in kept.items() if value is not None]
    click.echo(table(rows))
