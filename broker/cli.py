"""The ``vestibule`` command: the second composition root."""

from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from broker.commands.accounts import accounts
from broker.commands.audit import audit
from broker.commands.clients import clients
from broker.commands.configuration import check_config, init
from broker.commands.context import UPGRADE, Refusal
from broker.commands.database import db
from broker.commands.demo import demo
from broker.commands.exceptions import exceptions
from broker.commands.keys import keys
from broker.commands.migrate.group import migrate
from broker.commands.operators import operators
from broker.commands.orgs import orgs
from broker.commands.outbox import outbox
from broker.commands.providers import probe, providers
from broker.commands.serve import CONFIG_VARIABLE, serve
from broker.commands.tenants import tenants
from broker.settings import SettingsError
from broker.settings.fresh import FILE_NAME

DEFAULT_CONFIG = Path("config") / FILE_NAME


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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vestibule", message="vestibule %(version)s")
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


for command in (
    *(accounts, audit, check_config, clients, db, demo, exceptions, init, keys, operators, orgs, outbox),
    *(migrate, probe, providers, serve, tenants),
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="vestibule")
