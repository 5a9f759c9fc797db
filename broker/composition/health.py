"""What probes look at."""

from collections.abc import Callable
from functools import partial

from flask import Flask

from broker.composition.chores import WORKER_SEEN
from broker.composition.foundation import Foundation
from broker.settings.clients import ALGORITHMS
from broker.storage import schema
from broker.storage.store import MEMORY_URL
from broker.web import direct, routes
from broker.web.probes import Readiness, answer_live, answer_ready, livez, readyz


def probe(app: Flask, base: Foundation, draining: Callable[[], bool]) -> Readiness:
    """Answer ``/livez`` and ``/readyz``. ``draining`` says that the process is to end."""

    def store() -> bool:
        base.store.get(WORKER_SEEN)
        return True

    def keys() -> bool:
        now = base.clock()
        return all(base.keys.active(alg, now) for alg in ALGORITHMS)

    def worker() -> bool:
        return base.store.get(WORKER_SEEN) is not None

    readiness = Readiness(
        checks={"database": partial(schema.answers, base.database), "store": store, "signing_keys": keys},
        # Sign-ins go on without one; mail, events and sign-outs elsewhere wait for it.
        notes={} if base.settings.store.url == MEMORY_URL else {"worker": worker},
        draining=draining,
    )
    app.register_blueprint(
        routes.blueprint("probes", readiness, (("GET", "/livez", livez), ("GET", "/readyz", readyz)))
    )
    table = direct.of(app)
    table.add("GET", "/livez", "probes.livez", answer_live, silent=True)
    table.add("GET", "/readyz", "probes.readyz", partial(answer_ready, readiness), silent=True)
    return readiness
