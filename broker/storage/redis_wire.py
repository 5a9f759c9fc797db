"""Commands to Redis with as little around them as there can be: redis-py's own way costs three times the round trip."""

import select
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

Send = Callable[..., Any]


class Wire:
    """Sends one command at a time over connections that ``client``'s pool has opened, and keeps them for the next.

    Nothing is tried twice: a command that was carried out and whose answer was lost would find its key taken. A
    connection that was closed while nobody used it is noticed before it is used.
    """

    def __init__(self, client: Redis) -> None:
        self._pool: Any = client.connection_pool  # half of it has no types
        self._idle: list[tuple[Any, select.poll]] = []

    def __call__(self, *command: str | bytes | int) -> Any:
        """Return the answer. Raises :class:`redis.exceptions.RedisError`."""
        kept = self._connection()
        connection = kept[0]
        try:
            connection.send_packed_command(connection.pack_command(*command), check_health=False)
            answer = connection.read_response()
        except ResponseError:
            # The answer was read whole; it was a refusal.
            self._idle.append(kept)
            raise
        except BaseException:
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._idle.append(kept)
        return answer

    def _connection(self) -> tuple[Any, select.poll]:
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                connection = self._pool.get_connection()
                poll = select.poll()
                poll.register(connection._sock, select.POLLIN)
                return connection, poll
            # Nobody asked it anything: what there is to read is its end.
            if kept[0].is_connected and not kept[1].poll(0):
                return kept
            kept[0].disconnect()
            self._pool.release(kept[0])


class Script:
    """A script that the server knows by its hash, and is told again after it forgot."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, send: Send, keys: list[str], arguments: list[str | bytes | int]) -> Any:
        """Return what it returns: one command, and one more where the server does not know it."""
        try:
            return send("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return send("EVAL", self._text, len(keys), *keys, *arguments)
