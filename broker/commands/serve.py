"""``vestibule serve``: processes that answer, each with its own threads, and one above them that keeps them."""

import gc
import os
from pathlib import Path

import click

from broker.commands.context import Refusal, opened, with_path
from broker.ports import is_free
from broker.storage.schema import is_current

_WORKERS_VARIABLE = "VESTIBULE__LISTEN__WORKERS"


@click.command()
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer, instead of listen.workers.")
@click.option("--with-worker", is_flag=True, help="Do in these processes what `vestibule worker` does, too.")
@with_path
def serve(path: Path, workers: int | None, with_worker: bool) -> None:
    """Serve the broker until SIGTERM or Ctrl-C."""
    gc.disable()  # nothing of what is made until it serves is garbage, and looking for it takes a tenth of the time
    try:
        _serve(path, workers, with_worker)
    finally:
        gc.enable()


def _serve(path: Path, workers: int | None, with_worker: bool) -> None:
    given = {} if workers is None else {_WORKERS_VARIABLE: str(workers)}
    with opened(path, {**os.environ, **given}) as (settings, database):
        current = is_current(database)
    listen = settings.listen
    if not is_free(listen.host, listen.port):
        raise Refusal(f"Port {listen.port} of {listen.host} is taken. Free it, or set listen.port to another.")
    numbers = settings.metrics.address
    if numbers is not None and not is_free(*numbers):
        raise Refusal(f"Port {numbers[1]} of {numbers[0]} is taken. Free it, or set metrics.address to another.")
    click.echo(f"Serving {settings.issuer} on {listen.host}:{listen.port}.")

    # Once, here: the processes that answer begin as copies of this one.
    from broker.commands.serving import run

    run(settings, current=current, with_worker=with_worker)
