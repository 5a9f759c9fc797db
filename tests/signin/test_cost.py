"""It must show 9: what one whole sign-in of a known user costs, counted, on PostgreSQL and Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import redis as redis_client
from sqlalchemy import Connection, event

from broker.oidc.clients import Clients
from broker.settings import ClientSettings
from providers.standins import Standins
from tests.world import CALLBACK, Registry, running

# A work account's tenant is looked up when its user comes back; afterwards together with the account.
MOST_STATEMENTS = {"github": 8, "entra": 9}
PERSONAS = {"github": "2fa-true", "entra": "entra-mfa"}
MOST_COMMANDS = 8
# What redis-py says on its own when it opens a connection.
GREETINGS = {"hello", "client", "select", "auth", "ping", "monitor"}
_END = "end-of-the-sign-in"


def test_a_sign_in_of_a_known_user_takes_eight_statements_and_eight_commands_and_one_more_for_a_tenant(
    tmp_path: Path, standins: Standins, fresh_postgres_url: str, fresh_redis_url: str
) -> None:
    with running(tmp_path, standins=standins, database_url=fresh_postgres_url, store_url=fresh_redis_url) as world:
        secret = "s" + "0123456789abcdef" * 3
        parts = world.parts
        settings = ClientSettings.model_validate(
            {"name": "From the database", "redirect_uris": [CALLBACK], "secret": secret, "first_party": True}
        )
        with parts.database.begin() as connection:
            Clients(parts.settings, parts.database).add(
                connection, "db", settings, parts.audit, world.clock(), secret=secret
            )
        registry = Registry(world, "db", secret)

        def whole_sign_in(provider: str) -> None:
            visitor = world.visitor()
            request = registry.request()
            page = visitor.walk(visitor.authorize(request))
            link = next(each for each in page.links if each.endswith(f"/{provider}"))  # type: ignore[union-attr]
            tokens = registry.redeem(visitor.walk(visitor.get(link), PERSONAS[provider]), request)
            assert registry.userinfo(tokens.response["access_token"]).status_code == 200

        for provider, most in MOST_STATEMENTS.items():
            whole_sign_in(provider)  # the first makes the account
            statements: list[str] = []

            def count(_conn: Connection, _cursor: object, statement: str, *_: object, into: list[str]) -> None:
                into.append(statement)

            counting = partial(count, into=statements)
            event.listen(parts.database.engine, "before_cursor_execute", counting)
            with watched(fresh_redis_url) as commands:
                whole_sign_in(provider)
            event.remove(parts.database.engine, "before_cursor_execute", counting)
            assert 0 < len(statements) <= most, "\n".join(statements)
            assert 0 < len(commands) <= MOST_COMMANDS, "\n".join(commands)


@contextmanager
def watched(url: str) -> Iterator[list[str]]:
    """Yield a list that at the end holds every command clients sent to Redis; a script is one, whatever it calls."""
    commands: list[str] = []
    with redis_client.Redis.from_url(url) as client, client.monitor() as monitor:
        yield commands
        client.echo(_END)
        for seen in monitor.listen():
            if _END in seen["command"]:
                break
            name = seen["command"].partition(" ")[0].lower()
            if seen["client_type"] != "lua" and name not in GREETINGS:
                commands.append(seen["command"][:60])
