"""``vestibule switch``: kill switches, for when something is wrong and there is no time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from broker.commands.context import UPGRADE, Refusal, gathered, moment, table, utc_now, with_path
from broker.composition.foundation import Foundation
from broker.oidc.clients import Clients
from broker.operators.targets import Targets
from broker.storage.store import StoreUnavailable
from broker.switches.service import Kind, NoSwitches

KIND = click.argument("kind", metavar="KIND", type=click.Choice(["provider", "tenant", "client"]))
TARGET = click.argument("target", metavar="ID")


@click.group()
def switch() -> None:
    """Kill switches. They hold at once, on every host, and each change is in the audit record.

    What ended while something was off stays ended when it is on again.
    """


@switch.command("list")
@with_path
def list_switches(path: Path) -> None:
    """Show what is off, since when, and by whom."""
    with _laid(path) as base, base.database.read() as connection:
        found = base.switches.all(connection)
    if not found:
        click.echo("Nothing is switched off.")
        return
    rows = [(_shown(each.kind, each.target), moment(each.at), each.by) for each in found]
    click.echo(table([("SWITCH", "SINCE", "BY"), *rows]))


@switch.command()
@KIND
@TARGET
@with_path
def off(path: Path, kind: str, target: str) -> None:
    """Switch a provider, a tenant (by its tid) or a client off: nobody comes by it, and what came by it is refused."""
    with _laid(path) as base:
        known = _known(base, Kind(kind))
        if target not in known:
            raise _unknown(kind, target, known)
        changed = base.switches.throw(Kind(kind), target, utc_now())
    click.echo(f"{_shown(Kind(kind), target)} is off{'' if changed else ' already'}, on every host.")
    click.echo(f"To take that back: vestibule switch on {kind} {target}")


@switch.command()
@KIND
@TARGET
@with_path
def on(path: Path, kind: str, target: str) -> None:
    """Take that back. Sessions and tokens that live go on; what ended meanwhile does not."""
    with _laid(path) as base:
        changed = base.switches.restore(Kind(kind), target, utc_now())
        # What was taken out of the configuration can still be switched on again.
        if not changed and target not in (known := _known(base, Kind(kind))):
            raise _unknown(kind, target, known)
    click.echo(f"{_shown(Kind(kind), target)} is on{'' if changed else ' already'}, on every host.")


@switch.command("read-only")
@click.argument("state", type=click.Choice(["on", "off"]))
@with_path
def read_only(path: Path, state: str) -> None:
    """Refuse every change by people, admins and registrations. Signing in and out, and tokens, go on."""
    changed = _turn(path, Kind.READ_ONLY, thrown=state == "on")
    click.echo(f"read-only is {state}{'' if changed else ' already'}, on every host.")


@switch.command("sign-up")
@click.argument("state", type=click.Choice(["closed", "open"]))
@with_path
def sign_up(path: Path, state: str) -> None:
    """Make no account for anybody new. Who has one signs in, and so does whom the registry had linked."""
    changed = _turn(path, Kind.SIGN_UP, thrown=state == "closed")
    click.echo(f"sign-up is {state}{'' if changed else ' already'}, on every host.")


def _turn(path: Path, kind: Kind, *, thrown: bool) -> bool:
    with _laid(path) as base:
        turn = base.switches.throw if thrown else base.switches.restore
        return turn(kind, "", utc_now())


@contextmanager
def _laid(path: Path) -> Iterator[Foundation]:
    with gathered(path) as (base, _):
        try:
            yield base
        except NoSwitches:
            raise Refusal(f"The database has no switches yet. Run: {UPGRADE}") from None
        except StoreUnavailable:
            raise Refusal(
                "The short-lived store (store.url) does not answer, so no host would have learnt of it: nothing was "
                "changed. Without the store nobody signs in. Run this again once it answers."
            ) from None


def _known(base: Foundation, kind: Kind) -> list[str]:
    with base.database.read() as connection:
        return Targets(settings=base.settings, clients=Clients(base.settings, base.database)).ids(connection, kind)


def _unknown(kind: str, target: str, known: list[str]) -> Refusal:
    there = f"There are: {', '.join(known)}." if known else "There is none."
    return Refusal(f"There is no {kind} {target}. {there} Nothing was changed.")


def _shown(kind: Kind, target: str) -> str:
    return f"{kind.value} {target}" if target else {Kind.READ_ONLY: "read-only", Kind.SIGN_UP: "sign-up"}[kind]
