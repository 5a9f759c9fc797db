"""``vestibule init`` and ``vestibule check-config``."""

from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import click

from broker.commands.context import Refusal, with_path
from broker.composition.old_world import breached_list
from broker.settings import load
from broker.settings.fresh import FILE_NAME, fresh_keys, write_private
from broker.settings.values import is_loopback, issuer_url

_TEMPLATE = files("broker.commands").joinpath("vestibule.toml.in")


def render(issuer: str) -> str:
    """Return the text of a configuration that works, with fresh keys."""
    host = urlsplit(issuer).hostname
    sender = f"vestibule@{'localhost' if is_loopback(host) else host}"
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(fresh_keys(), issuer=issuer, sender=sender)


def _issuer(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return issuer_url(value)
    except ValueError as error:
        raise click.BadParameter(f"it {error}; right would be: https://login.example.org") from None


@click.command()
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("config"))
@click.option("--issuer", default="http://localhost:8000", callback=_issuer, help="Where registries reach us.")
def init(folder: Path, issuer: str) -> None:
    """Write a configuration that works, with fresh secrets."""
    path = folder / FILE_NAME
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write_private(path, render(issuer))
    except FileExistsError:
        raise Refusal(
            f"{path} is there already, and its keys protect what is stored. Choose another folder with --dir."
        ) from None
    click.echo(
        f"Wrote {path}, readable by you alone. Its keys are the only ones to what will be stored: back it up.\n"
        f"Next: vestibule --config {path} db upgrade, then add a provider and a client, then vestibule serve."
    )


@click.command("check-config")
@with_path
def check_config(path: Path) -> None:
    """Say everything that is wrong with the configuration, at once."""
    settings = load(path)
    if settings.migration is not None and settings.migration.breached_passwords is not None:
        breached_list(settings.migration.breached_passwords)
    providers = [name for name, provider in settings.providers.items() if provider.enabled]
    click.echo(f"{path} is in order.")
    click.echo(f"  issuer     {settings.issuer}")
    click.echo(f"  providers  {', '.join(providers) or 'none: nobody can sign in yet'}")
    click.echo(f"  clients    {', '.join(settings.clients) or 'none here; see vestibule clients list'}")
    for switch in settings.insecure():
        click.echo(f"  warning    {switch} is on")
    if (
        settings.issuer.startswith("https:")
        and not settings.trusted_proxies
        and settings.listen.tls_certificate is None
    ):
        click.echo(
            "  warning    trusted_proxies is 0 and there is no listen.tls_certificate: if a proxy speaks TLS for this "
            "issuer, limits count everybody behind it as one"
        )
