"""What clients send to Redis, as the server sees it."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

# What redis-py says on its own when it opens a connection.
GREETINGS = {"hello", "client", "select", "auth", "ping", "monitor"}
_END = "end-of-the-watch"


@contextmanager
def watched(url: str) -> Iterator[list[str]]:
    """Yield a list that at the end holds every command that clients sent; a script is one, whatever it calls."""
    commands: list[str] = []
    with Redis.from_url(url) as client, client.monitor() as monitor:
        yield commands
        client.echo(_END)
        for seen in monitor.listen():
            if _END in seen["command"]:
                break
            name = seen["command"].partition(" ")[0].lower()
            if seen["client_type"] != "lua" and name not in GREETINGS:
                commands.append(seen["command"][:60])
