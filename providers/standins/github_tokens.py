"""GitHub's access tokens: who holds which, for which scopes, and the limits on them (``upstreams.md``, 3.2)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from threading import Lock

from .personas import GitHubPersona

SCOPES = ("user", "read:user", "user:email", "user:follow", "read:org")
INCLUDED = {"user": frozenset({"read:user", "user:email", "user:follow"})}
AT_MOST = 10
"""Live tokens of one user, application and scope; the oldest goes. Also how many may be made in an hour."""


def granted(persona: GitHubPersona, asked: str) -> tuple[str, ...]:
    """Return the scopes the person agrees to of those asked for: known ones, without those that another
    includes.
    """
    wanted = {scope for scope in asked.replace(",", " ").split() if scope in SCOPES}
    if persona.grants is not None:
        wanted &= persona.grants
    covered = frozenset[str]().union(*(INCLUDED.get(scope, frozenset()) for scope in wanted))
    return tuple(scope for scope in SCOPES if scope in wanted - covered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One access token."""

    value: str
    client_id: str
    persona: GitHubPersona
    scopes: tuple[str, ...]
    made_at: datetime

    def may(self, scope: str) -> bool:
        """Return whether the token has ``scope``, by itself or in a broader one."""
        return any(scope == own or scope in INCLUDED.get(own, frozenset()) for own in self.scopes)


class Tokens:
    """The live tokens."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._live: dict[str, Token] = {}
        self._made: dict[tuple[str, str, tuple[str, ...]], list[datetime]] = {}

    def issue(self, client_id: str, persona: GitHubPersona, scopes: tuple[str, ...]) -> str:
        """Return a new token; the eleventh of its kind revokes the oldest."""
        now = datetime.now(UTC)
        token = Token(
            value=f"gho_{token_urlsafe(27)}", client_id=client_id, persona=persona, scopes=scopes, made_at=now
        )
        with self._lock:
            alike = [
                other
                for other in self._live.values()
                if (other.client_id, other.persona.subject, other.scopes) == (client_id, persona.subject, scopes)
            ]
            for old in alike[: max(0, len(alike) + 1 - AT_MOST)]:
                del self._live[old.value]
            self._live[token.value] = token
            recent = self._recent(client_id, persona, scopes, now)
            self._made[client_id, persona.subject, scopes] = [*recent, now]
        return token.value

    def many(self, client_id: str, persona: GitHubPersona, scopes: tuple[str, ...]) -> bool:
        """Return whether as many tokens of this kind as an hour allows were made within the last one."""
        with self._lock:
            return len(self._recent(client_id, persona, scopes, datetime.now(UTC))) >= AT_MOST

    def _recent(self, client_id: str, persona: GitHubPersona, scopes: tuple[str, ...], now: datetime) -> list[datetime]:
        made = self._made.get((client_id, persona.subject, scopes), [])
        return [moment for moment in made if now - moment < timedelta(hours=1)][-AT_MOST:]

    def find(self, value: str) -> Token | None:
        """Return the live token with this value."""
        with self._lock:
            return self._live.get(value)

    def revoke(self, token: Token) -> None:
        """Revoke one token."""
        with self._lock:
            self._live.pop(token.value, None)

    def revoke_grant(self, token: Token) -> None:
        """Revoke every token of the same user and application."""
        with self._lock:
            self._live = {
                value: other
                for value, other in self._live.items()
                if (other.client_id, other.persona.subject) != (token.client_id, token.persona.subject)
            }

    def live(self) -> int:
        """Return how many tokens are live."""
        with self._lock:
            return len(self._live)
