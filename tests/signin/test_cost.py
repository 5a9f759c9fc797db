"""It must show 9: what one whole sign-in of a known user costs, counted, on PostgreSQL and Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis as redis_client
from sqlalchemy import Connection, event

from broker.oidc.clients import Clients
from broker.settings import ClientSettings
from providers.standins import Standins
from tests.world import CALLBACK, Registry, running

MOST_STATEMENTS = 8
MOST_COMMANDS = 8
# What redis-py says on its own when it opens a connection.
GREETINGS = {"hello", "client", "select", "auth", "ping", "monitor"}
_END = "end-of-the-sign-in"


def test_a_sign_in_of_a_known_user_takes_eight_statements_and_eight_commands(
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

        def whole_sign_in() -> None:
            visitor = world.visitor()
            request = registry.request()
            page = visitor.walk(visitor.authorize(request))
            link = next(each for each in page.links if each.endswith("/entra"))  # type: ignore[union-attr]
            tokens = registry.redeem(visitor.walk(visitor.get(link), "entra-mfa"), request)
            assert registry.userinfo(tokens.response["access_token"]).status_code == 200

        whole_sign_in()  # the first makes the account
        statements: list[str] = []

        def count(_conn: Connection, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        event.listen(parts.database.engine, "before_cursor_execute", count)
        with watched(fresh_redis_url) as commands:
            whole_sign_in()
        event.remove(parts.database.engine, "before_cursor_execute", count)
        assert len(statements) <= MOST_STATEMENTS, "\n".join(statements)
        assert len(commands) <= MOST_COMMANDS, "\n".join(commands)
        assert len(statements) > 0
        assert len(commands) > 0


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
