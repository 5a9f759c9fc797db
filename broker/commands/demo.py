"""``vestibule demo``."""

from pathlib import Path

import click

from broker.commands.context import Refusal
from broker.demo.addresses import DEFAULT_BASE, LAST_BASE, Addresses


@click.command()
@click.option(
    "--port-base",
    type=click.IntRange(1024, LAST_BASE),
    default=DEFAULT_BASE,
    show_default=True,
    help="The broker's port; the others follow: registry +1, stand-ins +2 and +443.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where its configuration and state are kept.",
)
@click.option("--https", is_flag=True, help="Serve the broker over TLS, under a private certificate authority.")
def demo(port_base: int, data: Path, https: bool) -> None:
    """Run the whole main job here: broker, stand-ins of the providers, and a demo registry."""
    from broker.demo.runner import DemoError, run

    try:
        run(data.resolve(), Addresses(base=port_base, https=https))
    except DemoError as error:
        raise Refusal(str(error)) from None
