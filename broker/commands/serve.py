"""``vestibule serve``: one process that answers, with its own threads."""

import os
from pathlib import Path

import click

from broker.commands.context import Refusal, opened, with_path
from broker.logs import configure
from broker.ports import is_free

APPLICATION = "broker.app:serve"
CONFIG_VARIABLE = "VESTIBULE_CONFIG"
# Requests that may wait for a thread, for each thread; beyond that a client waits before it is accepted.
_BACKPRESSURE = 8

# What the server has to say goes where everything else is logged, in the same form.
_LOGGING = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}


@click.command()
@with_path
def serve(path: Path) -> None:
    """Serve the broker until SIGTERM or Ctrl-C."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    with opened(path) as (settings, _):
        listen = settings.listen
    if not is_free(listen.host, listen.port):
        raise Refusal(f"Port {listen.port} of {listen.host} is taken. Free it, or set listen.port to another.")
    # The worker is a process of its own, and reads the configuration itself.
    os.environ[CONFIG_VARIABLE] = str(path.resolve())
    configure(settings.log)
    click.echo(f"Serving {settings.issuer} on {listen.host}:{listen.port}.")
    Granian(
        APPLICATION,
        address=listen.host,
        port=listen.port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1,
        blocking_threads=listen.threads,
        backpressure=listen.threads * _BACKPRESSURE,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
        ssl_cert=listen.tls_certificate,
        ssl_key=listen.tls_key,
    ).serve()
