"""Authorization codes: ten minutes, once (RFC 6749, section 4.1.2)."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from secrets import token_urlsafe
from threading import Lock

from .directory import Registration
from .personas import Persona

LIFETIME = timedelta(minutes=10)
AT_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a code stands for. ``parameters`` are those of the authorization request; ``authority`` is the
    tenant selector it was made at, empty for the other providers; ``mfa`` whether MFA was done.
    """

    registration: Registration
    persona: Persona
    parameters: Mapping[str, str]
    mfa: bool
    authority: str = ""

    @property
    def redirect_uri(self) -> str:
        return self.parameters.get("redirect_uri", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.parameters.get("scope", "").split())


class Problem(StrEnum):
    """Why a code stands for nothing."""

    UNKNOWN = "unknown_code"
    USED = "used_code"
    EXPIRED = "expired_code"


@dataclass(slots=True)
class _Entry:
    grant: Grant
    until: datetime
    used: bool = False


class Codes:
    """Codes not yet forgotten. A used or expired one is remembered, so that it can be told from an unknown
    one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def issue(self, grant: Grant) -> str:
        """Return a new code for ``grant``."""
        code = token_urlsafe(30)
        with self._lock:
            self._entries[code] = _Entry(grant, datetime.now(UTC) + LIFETIME)
            while len(self._entries) > AT_MOST:
                self._entries.popitem(last=False)
        return code

    def redeem(self, code: str, *, reusable: bool, unfit: Callable[[Grant], str | None]) -> Grant | str:
        """Use ``code`` up and return what it stands for; or return why not, a :class:`Problem` or what
        ``unfit`` says is wrong with the request, and leave the code as it was.
        """
        with self._lock:
            entry = self._entries.get(code)
            if entry is None:
                return Problem.UNKNOWN
            if entry.used and not reusable:
                return Problem.USED
            if datetime.now(UTC) >= entry.until:
                return Problem.EXPIRED
            wrong = unfit(entry.grant)
            if wrong is not None:
                return wrong
            entry.used = True
            return entry.grant

    def expire(self) -> None:
        """Make every code that is out there too old."""
        with self._lock:
            for entry in self._entries.values():
                entry.until = datetime.now(UTC)
