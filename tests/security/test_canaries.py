"""It must show 5: canary values in every upstream claim, all flows driven, then everything searched."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from sqlalchemy import create_engine, inspect, text

from broker.logs import configure
from broker.settings.model import LogSettings
from providers.standins import Canary
from tests.accounts.test_account_pages import link, link_in, mails
from tests.world import PROVIDERS, Page, World, running

WORD = "kanarienvogel"
TYPED = "zaunkoenig"  # what people type into our own forms


def drive_every_flow(world: World, folder: Path) -> None:
    """Every persona at every provider of its kind, then every page and form."""
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
    link(visitor, "generic", "oidc-mfa")
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


@pytest.mark.timeout(170)
def test_nothing_of_a_person_is_at_rest_or_in_a_log_in_the_clear(
    tmp_path: Path, fresh_postgres_url: str, fresh_redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_file = tmp_path / "all.log"
    with (
        everything_logged(log_file),
        running(
            tmp_path,
            database_url=fresh_postgres_url,
            store_url=fresh_redis_url,
            canary=Canary(word=WORD, domain="personas.example"),
        ) as world,
    ):
        drive_every_flow(world, tmp_path)
        at_rest = {
            "database": database_dump(fresh_postgres_url),
            "redis": redis_dump(fresh_redis_url),
            "log file": log_file.read_text(),
            "captured log": caplog.text,
        }
        tokens = set(re.findall(r"vat_[\w-]+", "".join(at_rest.values())))
    assert "signin.satisfied" in at_rest["database"]
    assert len(at_rest["log file"]) > 1000, "the log has something to search"
    for place, content in at_rest.items():
        for word in (WORD, TYPED, "personas.example"):
            found = [line[:200] for line in content.splitlines() if word in line.lower()]
            assert not found, (place, word, found[:3])
    assert not tokens, "no access token is kept"
