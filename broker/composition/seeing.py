"""What is seen of a running broker: numbers, spans and a line for each request."""

import structlog
from flask import Flask

from broker import metrics
from broker.composition.foundation import Foundation
from broker.composition.people import People
from broker.limits.table import Name
from broker.metrics import counting, exposed, pool, series, tracing
from broker.metrics.watch import Watch
from broker.settings import Settings
from broker.version import release as release_of

log = structlog.get_logger(__name__)


def begin(settings: Settings, *, serving: bool = True) -> None:
    """Count and trace in this process, as far as the settings want it. Before :func:`look_at`.

    Of several workers on a host one serves its numbers; the others, whose address it has, work all the same.
    """
    try:
        exposed.begin(settings.metrics.address if serving else settings.metrics.worker_address)
    except exposed.AddressTaken as taken:
        if serving:
            raise
        log.error("numbers of this worker are not served, the address is taken", address=str(taken))
    if settings.tracing.endpoint is not None:
        tracing.on(settings.tracing.endpoint, settings.ca_bundle)


def watch(app: Flask, base: Foundation, people: People) -> None:
    """Look at every request of ``app``, which is furnished. What labels may say is told here, and nowhere later."""
    metrics.know("provider", people.providers)
    metrics.know("endpoint", {rule.endpoint for rule in app.url_map.iter_rules()})
    metrics.know("limit", {each.value for each in Name})
    look_at(base)
    app.wsgi_app = Watch(app.wsgi_app, told=base.settings.log.requests)  # type: ignore[method-assign]  # as Flask has it


def look_at(base: Foundation) -> None:
    """Look at what every process has: which version it is, and its connections to the database."""
    release = release_of()
    metrics.know("version", (release,))
    numbers = counting.current()
    if numbers is not None:
        numbers.set(series.BUILD, 1, release)
    pool.watch(base.database)
    tracing.watch(base.database)
