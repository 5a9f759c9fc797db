"""``vestibule clients``: the registries."""

import secrets
from pathlib import Path

import click

from broker.audit.service import Audit
from broker.commands.context import Refusal, opened, table, utc_now, with_path
from broker.oidc.clients import Clients
from broker.settings import parse_client


@click.group()
def clients() -> None:
    """The registries that trust us."""


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
@click.option("--name", required=True, help="The name people know it by.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, required=True, help="Exact; may be repeated.")
@click.option("--auth-method", default="client_secret_basic", show_default=True, help="Or client_secret_post, none.")
@click.option("--alg", default="RS256", show_default=True, help="What signs its ID tokens, or ES256.")
@click.option("--provider", "providers", multiple=True, help="May be repeated; without it, every provider.")
@with_path
def add(
    path: Path,
    client_id: str,
    name: str,
    redirect_uris: tuple[str, ...],
    auth_method: str,
    alg: str,
    providers: tuple[str, ...],
) -> None:
    """Add a client, and show its secret: this once."""
    secret = None if auth_method == "none" else secrets.token_urlsafe(32)
    with opened(path) as (settings, database):
        described = {
            "name": name,
            "redirect_uris": list(redirect_uris),
            "auth_method": auth_method,
            "secret": secret,
            "id_token_signed_response_alg": alg,
            "providers": list(providers) or None,
        }
        client = parse_client(client_id, described, settings)
        audit = Audit(database, settings.secrets.audit_key())
        try:
            with database.begin() as connection:
                Clients(settings, database).add(connection, client_id, client, audit, utc_now())
        except ValueError:
            raise Refusal(f"There is a client {client_id} already. Choose another id.") from None
    click.echo(f"client_id      {client_id}")
    click.echo(f"client_secret  {secret or 'none: a public client'}")
    click.echo(f"issuer         {settings.issuer}")
    if secret is not None:
        click.echo("\nThe secret is shown this once, and kept here only as a hash.")


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
    with opened(path) as (settings, database):
        if client_id in settings.clients:
            raise Refusal(
                f"{client_id} is defined in the configuration. Set clients.{client_id}.enabled there, and restart."
            )
        audit = Audit(database, settings.secrets.audit_key())
        try:
            with database.begin() as connection:
                Clients(settings, database).set_status(connection, client_id, status, audit, utc_now())
        except LookupError:
            raise Refusal(f"There is no client {client_id}. See: vestibule clients list") from None
    click.echo(f"{client_id} is {status}.")
