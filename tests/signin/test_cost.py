"""It must show 9: what one whole sign-in of a known user costs, counted, on PostgreSQL and Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis as redis_client
import requests
from sqlalchemy import Connection, Engine, event

from broker.oidc.clients import Clients
from broker.settings import ClientSettings
from providers.standins import Standins
from tests.world import CALLBACK, AuthRequest, Registry, Visitor, running

# The client, each time; who it is, and the line in the audit; then whether they still may, for the tokens and for
# userinfo. A work account's tenant is looked up when its user comes back; afterwards together with the account.
MOST_STATEMENTS = {"github": 8, "generic": 8, "entra": 9}
PERSONAS = {"github": "2fa-true", "generic": "oidc-mfa", "entra": "entra-mfa"}
# With the chooser in between, which knows no provider yet, and without it.
MOST_COMMANDS = 9
MOST_COMMANDS_AT_ONCE = 6
# The client, whether they still may, and the line in the audit; the session, and what takes it and puts the code.
ON_A_LIVE_SESSION = (3, 2)
# What redis-py says on its own when it opens a connection.
GREETINGS = {"hello", "client", "select", "auth", "ping", "monitor"}
_END = "end-of-the-sign-in"


def test_what_a_sign_in_of_a_known_user_takes_of_the_database_and_of_the_store(
    tmp_path: Path,
    standins: Standins,
    fresh_postgres_url: str,
    fresh_redis_url: str,
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

        def finish(visitor: Visitor, request: AuthRequest, left: requests.Response, provider: str) -> None:
            tokens = registry.redeem(visitor.walk(left, PERSONAS[provider]), request)
            assert registry.userinfo(tokens.response["access_token"]).status_code == 200

        def by_the_chooser(provider: str) -> None:
            visitor, request = world.visitor(), registry.request()
            page = visitor.walk(visitor.authorize(request))
            link = next(each for each in page.links if each.endswith(f"/{provider}"))  # type: ignore[union-attr]
            finish(visitor, request, visitor.get(link), provider)

        def at_once(provider: str) -> Visitor:
            visitor, request = world.visitor(), registry.request(provider=provider)
            finish(visitor, request, visitor.authorize(request), provider)
            return visitor

        visitor = world.visitor()
        for provider, most in MOST_STATEMENTS.items():
            by_the_chooser(provider)  # the first makes the account, and connects
            with counted(parts.database.engine) as statements, watched(fresh_redis_url) as commands:
                by_the_chooser(provider)
            assert 0 < len(statements) <= most, "\n".join(statements)
            assert 0 < len(commands) <= MOST_COMMANDS, "\n".join(commands)
            with counted(parts.database.engine) as statements, watched(fresh_redis_url) as commands:
                visitor = at_once(provider)
            assert 0 < len(statements) <= most, "\n".join(statements)
            assert 0 < len(commands) <= MOST_COMMANDS_AT_ONCE, "\n".join(commands)
        with counted(parts.database.engine) as statements, watched(fresh_redis_url) as commands:
            assert "code" in visitor.walk(visitor.authorize(registry.request())).parameters  # type: ignore[union-attr]
        assert (len(statements), len(commands)) <= ON_A_LIVE_SESSION, "\n".join([*statements, *commands])


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Yield a list of the statements that are made meanwhile."""
    statements: list[str] = []

    def count(_conn: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


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
