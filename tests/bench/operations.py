"""What is measured: whole operations, as a browser and a careful registry perform them, each answer looked at."""

import hashlib
import itertools
import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from tests.bench.wire import Answer, Failed, Loop, Operation, Request, get, post

SCOPE = "openid profile email"
SERVICE_SCOPE = "introspection"
REDIRECTS = 12
SESSIONS = 64
"""How many people have a live session in the operations that need one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A client of the measured side. ``parameters`` go with each of its authorization requests."""

    client_id: str
    secret: str
    redirect_uri: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def authorization(self) -> Mapping[str, str]:
        """The header of RFC 6749 section 2.3.1."""
        return {"Authorization": "Basic " + b64encode(f"{self.client_id}:{self.secret}".encode()).decode()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the driver knows of a side. ``offline`` is the client that gets refresh tokens, ``people`` their number."""

    issuer: str
    metadata: Mapping[str, Any]
    standin: str
    registry: Registration
    offline: Registration
    people: int

    def endpoint(self, name: str) -> str:
        return str(self.metadata[f"{name}_endpoint"])


class Browser:
    """The cookies of one person, and an address of their own, as a proxy in front would tell it."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str], str] = {}
        self._address = ".".join(["10", *(str(part) for part in secrets.token_bytes(3))])

    def keep(self, answer: Answer) -> None:
        """Do what the answer says of cookies."""
        for line in answer.headers("set-cookie"):
            pair, *attributes = line.split(";")
            split = (each.strip().partition("=") for each in attributes)
            named = {attribute.lower(): text for attribute, _, text in split}
            name, _, value = pair.partition("=")
            key = (named.get("path", "/"), name.strip())
            if named.get("max-age") == "0" or "1970" in named.get("expires", "") or not value:
                self._cookies.pop(key, None)
            else:
                self._cookies[key] = value

    def headers(self, url: str) -> Mapping[str, str]:
        """Return the address, and the cookies for a URL (RFC 6265 section 5.4)."""
        path = urlsplit(url).path
        fit = [f"{name}={value}" for (prefix, name), value in self._cookies.items() if _under(path, prefix)]
        return {"X-Forwarded-For": self._address, **({"Cookie": "; ".join(fit)} if fit else {})}


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code and what redeems it."""

    text: str
    verifier: str
    client: Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a redemption brought."""

    access: str
    refresh: str | None


def sign_in(site: Site, client: Registration, browser: Browser, person: int | None) -> Generator[Request, Answer, Code]:
    """Come from the registry, follow every redirect, and return the code.

    The provider lets ``person`` in at once; without one, there must be a live session.
    """
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": SCOPE,
        "state": state,
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **client.parameters,
    }
    url = f"{site.endpoint('authorization')}?{urlencode(asked)}"
    for _ in range(REDIRECTS):
        if url.startswith(f"{client.redirect_uri}?"):
            arrived = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            if arrived.get("state") != state or arrived.get("iss") != site.issuer or "code" not in arrived:
                raise Failed(f"back at the registry with {arrived}")
            return Code(text=arrived["code"], verifier=verifier, client=client)
        if url.startswith(site.standin):
            if person is None:
                raise Failed("the session was not used")
            answer = yield get(f"{url}&person={person}")
        else:
            answer = yield get(url, browser.headers(url))
            browser.keep(answer)
        location = answer.header("location")
        if answer.status not in (302, 303) or location is None:
            raise Failed(f"no redirect from {url}: {answer.status} {answer.body[:2000]!r}")
        url = urljoin(url, location)
    raise Failed("too many redirects")


def redeem(site: Site, code: Code) -> Generator[Request, Answer, Tokens]:
    """Redeem a code."""
    form = {
        "grant_type": "authorization_code",
        "code": code.text,
        "redirect_uri": code.client.redirect_uri,
        "code_verifier": code.verifier,
    }
    answer = yield post(site.endpoint("token"), urlencode(form), code.client.authorization)
    return _tokens(answer, id_token=True)


def refresh(site: Site, token: str | None) -> Generator[Request, Answer, Tokens]:
    """Exchange a refresh token for the next."""
    if token is None:
        raise Failed("no refresh token")
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = yield post(site.endpoint("token"), urlencode(form), site.offline.authorization)
    tokens = _tokens(answer, id_token=False)
    if tokens.refresh in (None, token):
        raise Failed("the refresh token was not replaced")
    return tokens


def userinfo(site: Site, token: str) -> Operation:
    """Ask who a token is of."""
    answer = yield get(site.endpoint("userinfo"), {"Authorization": f"Bearer {token}"})
    _holds(answer, "sub", "name", "email")


def introspect(site: Site, token: str) -> Operation:
    """Ask what a token is worth."""
    answer = yield post(site.endpoint("introspection"), f"token={token}", site.registry.authorization)
    if _holds(answer, "active", "sub", "exp")["active"] is not True:
        raise Failed("the token is not active")


def client_credentials(site: Site) -> Operation:
    """Get a token of the client's own."""
    form = f"grant_type=client_credentials&scope={SERVICE_SCOPE}"
    answer = yield post(site.endpoint("token"), form, site.registry.authorization)
    _tokens(answer, id_token=False)


def document(url: str, member: str) -> Operation:
    """Get a public document."""
    _holds((yield get(url)), member)


def _holds(answer: Answer, *members: str) -> dict[str, Any]:
    said = json.loads(answer.body) if answer.status == 200 else {}
    if not all(said.get(name) for name in members):
        raise Failed(f"{answer.status} {answer.body[:2000]!r}")
    return dict(said)


def _tokens(answer: Answer, *, id_token: bool) -> Tokens:
    said = _holds(answer, "access_token", "token_type", *(["id_token"] if id_token else []))
    return Tokens(access=str(said["access_token"]), refresh=said.get("refresh_token"))


Begin = Callable[[], Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A measured operation. ``prepare`` returns as many operations as asked for, each ready to begin."""

    title: str
    prepare: Callable[[Site, Loop, int], Sequence[Begin]]


def _whole(site: Site, browser: Browser, person: int | None) -> Operation:
    code = yield from sign_in(site, site.registry, browser, person)
    tokens = yield from redeem(site, code)
    yield from userinfo(site, tokens.access)


def everybody(site: Site) -> Sequence[Begin]:
    """Return a federated sign-in of each of the people."""
    return [partial(_whole, site, Browser(), person) for person in range(site.people)]


def _flows(site: Site, _: Loop, count: int) -> Sequence[Begin]:
    return [partial(_whole, site, Browser(), secrets.randbelow(site.people)) for _ in range(count)]


def _sessions(site: Site, loop: Loop, client: Registration) -> list[tuple[Browser, Code]]:
    """Return people with a live session, each with a code."""
    signed_in = []

    def one(person: int) -> Operation:
        browser = Browser()
        signed_in.append((browser, (yield from sign_in(site, client, browser, person))))

    loop.run([partial(one, person) for person in range(min(SESSIONS, site.people))])
    return signed_in


def _again(site: Site, loop: Loop, count: int) -> Sequence[Begin]:
    browsers = itertools.cycle([browser for browser, _ in _sessions(site, loop, site.registry)])
    return [partial(_whole, site, next(browsers), None) for _ in range(count)]


def _redemptions(site: Site, loop: Loop, count: int) -> Sequence[Begin]:
    codes = []

    def one(browser: Browser) -> Operation:
        codes.append((yield from sign_in(site, site.registry, browser, None)))

    browsers = itertools.cycle([browser for browser, _ in _sessions(site, loop, site.registry)])
    loop.run([partial(one, next(browsers)) for _ in range(count)])
    return [partial(redeem, site, code) for code in codes]


def _tokens_of(site: Site, loop: Loop, client: Registration) -> list[Tokens]:
    tokens = []

    def one(code: Code) -> Operation:
        tokens.append((yield from redeem(site, code)))

    loop.run([partial(one, code) for _, code in _sessions(site, loop, client)])
    return tokens


def _refreshes(site: Site, loop: Loop, count: int) -> Sequence[Begin]:
    # More of them than lanes: none is used by two at once, which would end it.
    current = deque(each.refresh for each in _tokens_of(site, loop, site.offline))

    def one() -> Operation:
        current.append((yield from refresh(site, current.popleft())).refresh)

    return [one] * count


def _with_token(operation: Callable[[Site, str], Operation]) -> Callable[[Site, Loop, int], Sequence[Begin]]:
    def prepare(site: Site, loop: Loop, count: int) -> Sequence[Begin]:
        tokens = itertools.cycle([each.access for each in _tokens_of(site, loop, site.registry)])
        return [partial(operation, site, next(tokens)) for _ in range(count)]

    return prepare


def _documents(url: Callable[[Site], str], member: str) -> Callable[[Site, Loop, int], Sequence[Begin]]:
    return lambda site, _, count: [partial(document, url(site), member)] * count


KINDS: Mapping[str, Kind] = {
    "flow": Kind(title="federated sign-in", prepare=_flows),
    "sso": Kind(title="sign-in on a live session", prepare=_again),
    "redeem": Kind(title="code redemption", prepare=_redemptions),
    "refresh": Kind(title="refresh", prepare=_refreshes),
    "introspect": Kind(title="introspection", prepare=_with_token(introspect)),
    "userinfo": Kind(title="userinfo", prepare=_with_token(userinfo)),
    "cc": Kind(title="client credentials", prepare=lambda site, _, count: [partial(client_credentials, site)] * count),
    "jwks": Kind(title="JWKS", prepare=_documents(lambda site: str(site.metadata["jwks_uri"]), "keys")),
    "discovery": Kind(
        title="discovery", prepare=_documents(lambda site: f"{site.issuer}/.well-known/openid-configuration", "issuer")
    ),
}
"""Every operation, by its short name."""
