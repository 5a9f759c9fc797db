"""The ``vestibule`` command: the second composition root."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from broker.commands.context import CONFIG_VARIABLE, UPGRADE, Refusal
from broker.settings import SettingsError
from broker.settings.fresh import FILE_NAME
from broker.version import version

DEFAULT_CONFIG = Path("config") / FILE_NAME

COMMANDS: Mapping[str, str] = {
    "accounts": "accounts:accounts",
    "audit": "audit:audit",
    "backup": "backup:backup",
    "check-config": "configuration:check_config",
    "clients": "clients:clients",
    "db": "database:db",
    "demo": "demo:demo",
    "exceptions": "exceptions:exceptions",
    "init": "configuration:init",
    "keys": "keys:keys",
    "limits": "limits:limits",
    "migrate": "migrate.group:migrate",
    "operators": "operators:operators",
    "orgs": "orgs:orgs",
    "outbox": "outbox:outbox",
    "probe": "providers:probe",
    "providers": "providers:providers",
    "restore": "restore:restore_command",
    "serve": "serve:serve",
    "switch": "switch:switch",
    "tenants": "tenants:tenants",
    "worker": "worker:worker",
}
"""Where each command is, in :mod:`broker.commands`."""


class Table(MutableMapping[str, click.Command]):
    """The commands by name. Each is imported when it is asked for, so that `serve` does not wait for the others."""

    def __init__(self) -> None:
        self._found: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._found:
            module, _, attribute = COMMANDS[name].partition(":")
            self._found[name] = getattr(import_module(f"broker.commands.{module}"), attribute)
        return self._found[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(click.Group):
    """Commands that end in a sentence where others end in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            count = len(error.problems)
            heading = "The configuration cannot be used:" if count == 1 else f"{count} mistakes in the configuration:"
            lines = "\n".join(f"  - {problem}" for problem in error.problems)
            raise Refusal(f"{heading}\n{lines}") from None
        except SQLAlchemyError as error:
            # The library's own text can repeat an address with its password, or what was being written.
            raise Refusal(
                f"The database did not do it ({type(error).__name__}). "
                f"Check database.url, that it answers, and that this was run: {UPGRADE}"
            ) from None
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            raise Refusal(
                f"{error.strerror or type(error).__name__}{place}. Check that it exists and is yours."
            ) from None


def _tell_version(context: click.Context, *, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"vestibule {version()}")
        context.exit()


@click.group(cls=Commands, commands=Table(), context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _tell_version(context, wanted=wanted),
    help="Show the release and the commit, and end.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=CONFIG_VARIABLE,
    default=DEFAULT_CONFIG,
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.pass_context
def main(ctx: click.Context, config: Path) -> None:
    """Vestibule: an OpenID Connect identity broker for package registries."""
    ctx.obj = config


if __name__ == "__main__":
    main(prog_name="vestibule")
