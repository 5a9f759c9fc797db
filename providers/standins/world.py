"""What all stand-ins of one process share: addresses, registrations, people, keys, codes, toggles, the log."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

from flask import Flask, Response, request

from .codes import Codes
from .directory import Kind, Registration
from .keys import KeyRing
from .personas import Persona, PersonaT
from .toggles import Toggles, Who

LOG_LENGTH = 2000
HUGE_BYTES = 8 * 1024 * 1024
SHOWN_PARAMETERS = frozenset(
    {
        "acr_values",
        "claims",
        "code_challenge_method",
        "max_age",
        "prompt",
        "response_mode",
        "response_type",
        "scope",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it came in: ``parameters`` are names only; ``asked`` has the values of those that ask
    for something and tell of nobody, such as ``acr_values``. ``host`` is the name it was sent to.
    """

    host: str
    path: str
    method: str
    parameters: tuple[str, ...]
    asked: Mapping[str, str] = field(default_factory=dict)


class Log:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: deque[Seen] = deque(maxlen=LOG_LENGTH)

    def add(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)

    def all(self) -> tuple[Seen, ...]:
        with self._lock:
            return tuple(self._seen)

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``browser_url`` and ``backchannel_url`` have no trailing slash."""

    browser_url: str
    backchannel_url: str
    registrations: list[Registration]
    personas: tuple[Persona, ...]
    keys: KeyRing = field(default_factory=KeyRing)
    codes: Codes = field(default_factory=Codes)
    toggles: Toggles = field(default_factory=Toggles)
    log: Log = field(default_factory=Log)

    @property
    def elsewhere_url(self) -> str:
        """Where redirects and forged documents point: the same server under another name, so that a request
        that should not have been made shows in the log."""
        return f"https://127.0.0.1:{urlsplit(self.backchannel_url).port}/elsewhere"

    def registration(self, client_id: str | None, kinds: Iterable[Kind]) -> Registration | None:
        """Return the application with this ``client_id`` among those of ``kinds``."""
        known = tuple(kinds)
        return next((r for r in self.registrations if r.client_id == client_id and r.kind in known), None)

    def people(self, kind: type[PersonaT]) -> Sequence[PersonaT]:
        """Return the personas of one provider."""
        return [person for person in self.personas if isinstance(person, kind)]


def watch(app: Flask, world: World) -> None:
    """Log every request to ``app``, and forbid all answers to be cached."""

    @app.before_request
    def log() -> None:
        names = tuple(dict.fromkeys([*request.args, *request.form]))
        asked = {name: request.values[name] for name in names if name in SHOWN_PARAMETERS}
        world.log.add(Seen(host=request.host, path=request.path, method=request.method, parameters=names, asked=asked))

    @app.after_request
    def no_store(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response


def disturbance(world: World, who: Who, endpoint: str) -> Response | None:
    """Return the answer that a toggle wants instead of the right one, if any. ``endpoint`` is ``discovery``,
    ``jwks``, ``token`` or ``api``."""
    on = world.toggles.on
    if on(f"{endpoint}_slow", who):
        world.toggles.wait()
    if on(f"{endpoint}_500", who):
        return Response("<h1>500</h1>", status=500, mimetype="text/html")
    if on(f"{endpoint}_huge", who):
        return Response(b'{"filler": "' + b"x" * HUGE_BYTES + b'"}', mimetype="application/json")
    if on(f"{endpoint}_redirect", who):
        return Response(status=307, headers={"Location": f"{world.elsewhere_url}/{endpoint}"})
    if on(f"{endpoint}_garbage", who):
        return Response("<!doctype html><title>Be right back</title>", mimetype="text/html")
    return None
