"""``vestibule worker``: what is done in the background, in a process of its own."""

import signal
from importlib import import_module
from pathlib import Path

import click

from broker.commands.context import Refusal, opened, with_path
from broker.storage.store import MEMORY_URL

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command()
@with_path
def worker(path: Path) -> None:
    """Deliver mail, events and sign-outs, and forget what is over, until SIGTERM or Ctrl-C. Any number may run."""
    with opened(path) as (settings, _):
        if settings.store.url == MEMORY_URL:
            raise Refusal(
                "With memory:// as store.url, `vestibule serve` does this work itself. "
                "Set store.url to redis://HOST:PORT/0 to have it done here."
            )

    # They wait until they are asked for: a signal that comes meanwhile ends it all the same.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    doing, base = import_module("broker.app").background(settings)  # a composition root, which nothing imports
    doing.start()
    click.echo("Working.")
    signal.sigwait(_SIGNALS)
    doing.stop()
    base.store.close()
    base.database.dispose()
