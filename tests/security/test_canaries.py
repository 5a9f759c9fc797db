"""It must show 5: canary values in every upstream claim, all flows driven, then everything searched."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from prometheus_client import generate_latest
from sqlalchemy import create_engine, inspect, text

from broker import metrics
from broker.logs import configure
from broker.metrics import tracing
from broker.metrics.numbers import Numbers
from broker.settings.model import LogSettings
from providers.standins import Canary
from tests.accounts.test_account_pages import link, link_in, mails
from tests.providers.loopback import Server, serve
from tests.security import organization_flows, registry_flows
from tests.security.wiretap import NAMES, found_in, tapped
from tests.servers import fresh_database
from tests.world import PROVIDERS, Page, World, running

WORD = "kanarienvogel"
TYPED = "zaunkoenig"  # what people type into our own forms


def drive_every_flow(world: World, folder: Path) -> None:
    """One identity linked to another, every persona at every provider of its kind, then every page and form."""
    linking = world.visitor()
    linking.open_account("2fa-true", "github")
    link(linking, "generic", "oidc-mfa")
    for provider_id, kind in PROVIDERS.items():
        for persona in world.standins.personas:
            # The operator's own tenant knows its guest alone.
            if persona.provider == kind and (provider_id != "operator" or persona.id == "entra-msa-guest"):
                visitor = world.visitor()
                ended = visitor.sign_in(persona.id, provider_id)
                if not isinstance(ended, Page) and "code" in ended.parameters:
                    tokens = world.registry().redeem(ended, visitor.last_request)
                    world.registry().userinfo(tokens.response["access_token"])
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    visitor.submit("/account/name", {"name": f"{TYPED} Grey"})
    visitor.submit("/account/email", {"email": f"{TYPED}@personas.example"})
    message = next(each for each in mails(world, folder) if TYPED in str(each["To"]))
    url = link_in(message)
    visitor.submit("/account/email/confirm", {"token": url.partition("token=")[2]}, page=url)
    visitor.submit("/account/email", {"email": f"{TYPED}-pending@personas.example"})
    visitor.submit("/account/email", {"email": f"{TYPED}@@personas.example"})
    visitor.submit("/account/name", {"name": f"{TYPED}\n"})
    again = world.visitor()
    again.open_account("2fa-true", "github")
    again.get("/account/data.json")
    again.submit("/account/offer", {"action": "take"})
    again.get(f"/callback/github?code={TYPED}&state={TYPED}")
    again.get(f"/authorize?client_id={TYPED}&login_hint={TYPED}@x.example")
    world.parts.worker.run_once()


@contextmanager
def everything_logged(path: Path) -> Iterator[None]:
    """Write every record of every logger, down to DEBUG where our own set-up lets it through, into a file."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = logging.FileHandler(path)
    configure(LogSettings(level="debug", format="json"))
    root.addHandler(handler)
    try:
        yield
    finally:
        handler.close()
        root.handlers[:] = before
        root.setLevel(level)


@contextmanager
def everything_seen() -> Iterator["Seeing"]:
    """Count and trace everything; a label that is in no closed set is an error."""
    with serve(lambda handler: handler.reply(content_type="application/x-protobuf")) as receiver:
        tracing.on(f"{receiver.url}/v1/traces")
        try:
            yield Seeing(metrics.on(strict=True), receiver)
        finally:
            metrics.off()
            tracing.off()


@dataclass(frozen=True)
class Seeing:
    """What Prometheus and a receiver of spans get."""

    counted: Numbers
    receiver: Server

    def numbers(self) -> str:
        return generate_latest(self.counted.registry).decode()

    def spans(self) -> str:
        tracing.off()
        return b"".join(each.body for each in self.receiver.seen).decode("latin-1")


def database_dump(url: str) -> str:
    """Return every value of every column of every table."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = [
            repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
            for table in inspect(engine).get_table_names()
            for row in connection.execute(text(f'SELECT * FROM "{table}"'))
        ]
    engine.dispose()
    assert len(rows) > 50, "the flows left their traces"
    return "\n".join(rows)


def redis_dump(url: str) -> str:
    with redis_client.Redis.from_url(url) as client:
        keys = list(client.scan_iter("*", count=1000))
        assert keys, "the flows left their traces"
        values: list[Any] = []
        for key in keys:
            kind = client.type(key)
            values.append(client.get(key) if kind == b"string" else client.zrange(key, 0, -1))
        return repr(keys) + repr(values)


@dataclass(frozen=True, kw_only=True)
class AtRest:
    """All there is after everything was done. ``places`` are the texts of whatever can be read, by name."""

    places: dict[str, str]
    heard: dict[str, set[str]]
    needles: set[str]


@pytest.fixture(scope="module")
def at_rest(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, migrated_postgres: str, redis_url: str
) -> Iterator[AtRest]:
    """Do everything that there is to do with a broker on PostgreSQL and Redis; then read all of it."""
    folder = tmp_path_factory.mktemp("canaries")
    log_file = folder / "all.log"
    with redis_client.Redis.from_url(redis_url) as client:
        client.flushall()
    with (
        fresh_database(postgres_url, migrated_postgres) as database_url,
        serve(lambda handler: handler.reply(status=500)) as deaf,
        everything_logged(log_file),
        everything_seen() as seen,
        tapped() as tap,
    ):

        def change(raw: dict[str, Any]) -> None:
            raw["insecure_allow_private_addresses"] = True
            registry = raw["clients"]["registry"]
            raw["clients"].update(registry_flows.settings(registry, f"{deaf.url}/logout"))
            raw["clients"].update(organization_flows.settings(registry))

        with running(
            folder,
            database_url=database_url,
            store_url=redis_url,
            canary=Canary(word=WORD, domain="personas.example"),
            change=change,
        ) as world:
            drive_every_flow(world, folder)
            registry_flows.drive(world, "entra-phr", "entra", TYPED)
            organization_flows.drive(world, folder, WORD, TYPED)
            places = {
                "database": database_dump(database_url),
                "redis": redis_dump(redis_url),
                "log": log_file.read_text(),
                "metrics": seen.numbers(),
                "traces": seen.spans(),
            }
        for told in deaf.seen:
            tap.body(told.body)
        yield AtRest(places=places, heard=tap.heard, needles=tap.needles())


@pytest.mark.timeout(170)
def test_the_flows_have_left_something_to_search(at_rest: AtRest) -> None:
    assert len(at_rest.places["log"]) > 1000
    assert at_rest.places["traces"].count("vestibule.endpoint") > 300
    for name in (
        "request_seconds_count",
        "sign_ins_total",
        "refusals_total",
        "provider_faults_total",
        "outbox_waiting",
    ):
        assert re.search(rf"^vestibule_{name}\{{.*\}} [1-9]", at_rest.places["metrics"], re.MULTILINE), name
    actions = """signin.satisfied signin.refused person.changed identity.linked consent.given consent.denied
    consent.withdrawn device.approved device.denied client.registered client.removed grant.ended session.ended
    organization.created organization.renamed invitation.made invitation.accepted invitation.withdrawn change.proposed
    change.stopped change.applied tenant.proven tenant.approved rule.changed attestation.signed exception.requested
    exception.approved exception.refused exception.ended"""
    assert set(actions.split()) <= set(re.findall(r"\w+\.\w+", at_rest.places["database"]))
    assert "backchannel_logout" in at_rest.places["database"], "a registry that is deaf is still to be told"
    kinds = ("consent:", "code:", "session:", "transaction:", "device:", "client_assertion:", "admin-consent:")
    for kind in (*kinds, "work_address:"):
        assert kind in at_rest.places["redis"], kind


def test_nothing_of_a_person_is_at_rest_or_in_a_log_in_the_clear(at_rest: AtRest) -> None:
    for place, content in at_rest.places.items():
        for word in (WORD, TYPED, "personas.example"):
            found = [line[:200] for line in content.splitlines() if word in line.lower()]
            assert not found, (place, word, found[:3])


def test_t7_no_token_code_secret_proof_or_handle_is_at_rest_or_in_a_log_in_the_clear(at_rest: AtRest) -> None:
    heard = {name for name, values in at_rest.heard.items() if values}
    assert heard == {*NAMES, "DPoP", "authorization", "cookie", "handle"}
    refresh_tokens = [token for token in at_rest.heard["refresh_token"] if token.startswith("vrt_")]
    assert found_in(f"Half of one would be found, such as {refresh_tokens[0][-40:]}.", at_rest.needles)
    for place, content in at_rest.places.items():
        found = found_in(content, at_rest.needles)
        names = {name for name, values in at_rest.heard.items() for value in values if any(x in value for x in found)}
        assert not found, (place, names, sorted(found)[:3])
