"""What people and registries do, each of them noted as it was answered, and much of it tried twice at once."""

import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from hashlib import sha256
from html import unescape
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from broker.oidc.tokens.refresh import SIMULTANEOUS
from tests.soak.browser import Answer, Browser, Later, NoAnswer, Odd, Wire, form_token, heading
from tests.soak.ledger import Ledger, Outcome
from tests.soak.registry import Keys, Registry, Tokens

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email offline_access"
MAIL_SECONDS = 40


class Acts:
    """What one thread can do. ``racers`` are wires to each broker host, past nginx; ``mail`` is where mail is put."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        issuer: str,
        racers: list[Wire],
        provider: Wire,
        mail: Path,
        pool: Executor,
        keys: Keys,
    ) -> None:
        self._keys = keys
        self._ledger = ledger
        self._issuer = issuer
        self._racers = racers
        self._provider = provider
        self._mail = mail
        self._pool = pool

    def sign_in(self, browser: Browser, person: int, registry: Registry, *, race: bool) -> Tokens:
        """Sign a person in at a registry, and redeem the code: sometimes twice at once, which ends what it led to."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": registry.client_id,
            "redirect_uri": registry.redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "provider": "first",
        }
        answer = self._walk(browser, browser.ask("GET", f"/authorize?{urlencode(asked)}"), person)
        location = answer.location
        if answer.status == 200 and 'name="answer"' in answer.text:
            location = self._consent(browser, answer, registry)
        given = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        if given.get("error") == "temporarily_unavailable":
            raise Later("temporarily_unavailable")
        if "code" not in given or given.get("state") != state:
            raise Odd(f"no code: {given.get('error')} {heading(answer.text)}")
        form = {
            "grant_type": "authorization_code",
            "code": given["code"],
            "redirect_uri": registry.redirect_uri,
            "code_verifier": verifier,
        }
        document = self._once("code", given["code"], browser.wire, registry, form, race=race)
        uses = self._ledger.uses["code"][given["code"]]
        tokens = self._noted(document, registry, contested=uses.total() > 1)
        # A code that is shown twice ends what it led to (RFC 6749 section 4.1.2), whoever showed it first.
        if uses["refused"] and self.is_active(browser.wire, tokens):
            raise Odd("a token of a code that was shown twice is active")
        return tokens

    def refresh(self, wire: Wire, tokens: Tokens, *, race: bool) -> Tokens:
        """Replace a refresh token: sometimes twice at once."""
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
        began = monotonic()
        document = self._once("refresh token", tokens.refresh, wire, tokens.registry, form, race=race)
        return Tokens(
            registry=tokens.registry,
            access=str(document["access_token"]),
            refresh=str(document["refresh_token"]),
            account_id=tokens.account_id,
            sid=tokens.sid,
            refreshed=True,
            # A network that was cut may hand over a use much later than it was sent: then it is a reuse.
            contested=race and monotonic() - began >= SIMULTANEOUS.total_seconds(),
        )

    def look(self, wire: Wire, tokens: Tokens) -> None:
        """Ask who somebody is, and whether their token is good."""
        found = wire.ask("GET", "/userinfo", headers={"Authorization": f"Bearer {tokens.access}"})
        if found.status != 200 or json.loads(found.text)["sub"] != tokens.account_id:
            raise Odd(f"userinfo said {found.status}")
        if not self.is_active(wire, tokens):
            raise Odd("a token that was just given is not active")

    def is_active(self, wire: Wire, tokens: Tokens) -> bool:
        """Return what introspection says."""
        found = wire.ask("POST", "/introspect", {"token": tokens.access}, tokens.registry.credentials)
        return found.status == 200 and json.loads(found.text)["active"] is True

    def sign_out(self, browser: Browser, tokens: list[Tokens]) -> None:
        """End the session: from then on nobody may take its tokens, and its registries are to be told."""
        page = browser.ask("GET", "/account")
        if page.status == 303:
            raise Later("the session is over already")
        answer = browser.ask("POST", "/signout", {"csrf_token": form_token(page.text)})
        if answer.status >= 400:
            raise Odd(f"signing out: {answer.status} {heading(answer.text)}")
        kept = self._ledger.acknowledged
        with self._ledger.lock:
            kept.sign_outs[tokens[0].account_id] += 1
            kept.told |= {(each.registry.client_id, each.sid) for each in tokens}
        if not tokens[0].refreshed and self.is_active(browser.wire, tokens[0]):
            self._ledger.ended_but_honoured.append(self._ledger.phase)

    def device(self, browser: Browser, wire: Wire, account_id: str, cli: Registry) -> None:
        """Let a command line in, which polls from two places at once."""
        asked = wire.ask("POST", "/device_authorization", {"client_id": cli.client_id, "scope": "openid profile"})
        if asked.status != 200:
            raise Odd(f"device authorization: {asked.status}")
        codes = json.loads(asked.text)
        form = browser.ask("GET", "/device")
        given = {"user_code": codes["user_code"], "csrf_token": form_token(form.text)}
        typed = browser.ask("POST", "/device", given)
        if "/device/confirm/" not in typed.location:
            raise Later("the session is over") if "/signin" in typed.location else Odd(f"a code: {heading(typed.text)}")
        page = browser.ask("GET", _path(typed.location))
        answer = browser.ask("POST", _path(typed.location), {"answer": "allow", "csrf_token": form_token(page.text)})
        if answer.status != 200:
            raise Odd(f"allowing a device: {answer.status} {heading(answer.text)}")
        with self._ledger.lock:
            self._ledger.acknowledged.devices[account_id, cli.client_id] += 1
        poll = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"], "client_id": cli.client_id}
        self._once("device code", codes["device_code"], wire, cli, poll, race=True)

    def change_email(self, browser: Browser, account_id: str, person: int) -> None:
        """Ask for another address, and follow the link that was sent there: twice at once."""
        address = f"p{person}.{secrets.token_hex(6)}@mail.example"
        page = browser.ask("GET", "/account")
        asked = browser.ask("POST", "/account/email", {"email": address, "csrf_token": form_token(page.text)})
        if asked.status >= 400:
            raise Odd(f"asking for an address: {asked.status} {heading(asked.text)}")
        path = self._link_sent_to(address)
        form = {"token": path.partition("token=")[2], "csrf_token": form_token(browser.ask("GET", path).text)}
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"Cookie": cookies, "Referer": self._issuer, "Origin": self._issuer}
        answers = self._both(lambda wire: wire.ask("POST", "/account/email/confirm", form, headers))
        for each in answers:
            self._ledger.used("link", form["token"], _outcome(each))
        if any(_outcome(each) == "honoured" for each in answers):
            with self._ledger.lock:
                self._ledger.acknowledged.emails[account_id].add(address)
        elif any(_outcome(each) in ("later", "no answer") for each in answers):
            raise Later("the link was not answered")

    def link(self, browser: Browser, account_id: str, person: int) -> None:
        """Link a second identity to the account."""
        page = browser.ask("GET", "/account")
        answer = browser.ask("POST", "/account/link/second", {"csrf_token": form_token(page.text)})
        onward = _ONWARD.search(answer.text)
        if onward is None:
            raise (
                Later("too long ago")
                if answer.status == 303
                else Odd(f"linking: {answer.status} {heading(answer.text)}")
            )
        back = self._provider.ask("GET", f"{_path(unescape(onward[1]))}&person={person}")
        answer = self._walk(browser, browser.ask("GET", _path(back.location)), person, until="/account")
        if "/account" not in answer.location:
            raise Odd(f"linking: {answer.status} {heading(answer.text)}")
        with self._ledger.lock:
            self._ledger.acknowledged.links[account_id] += 1

    def _walk(self, browser: Browser, answer: Answer, person: int, until: str = "") -> Answer:
        """Follow redirects, through the provider, until a page, a registry, or ``until``."""
        for _ in range(12):
            if answer.status not in (302, 303):
                break
            location = answer.location
            if ".registry.example/" in location or (until and _path(location).startswith(until)):
                return answer
            if location.startswith((self._issuer, "/")):
                answer = browser.ask("GET", _path(location))
            else:
                back = self._provider.ask("GET", f"{_path(location)}&person={person}")
                answer = browser.ask("GET", _path(back.location))
        if answer.status == 200 and 'name="answer"' in answer.text:
            return answer
        said = heading(answer.text)
        if said in _CLEAR_PAGES:
            raise Later(said)
        raise Odd(f"{answer.status}: {said}")

    def _consent(self, browser: Browser, page: Answer, registry: Registry) -> str:
        form = {"answer": "allow", "csrf_token": form_token(page.text)}
        answer = browser.ask("POST", browser.at, form)
        onward = _ONWARD.search(answer.text)
        if onward is None and not answer.location:
            raise Odd(f"consenting: {answer.status} {heading(answer.text)}")
        return unescape(onward[1]) if onward is not None else answer.location

    def _once(
        self, kind: str, thing: str, wire: Wire, registry: Registry, form: Mapping[str, str], *, race: bool
    ) -> Mapping[str, Any]:
        """Use something that is good for one use, and return the answer of the one that succeeded."""

        def use(at: Wire) -> Answer:
            return at.ask("POST", "/token", form, registry.credentials)

        answers = self._both(use) if race else [_tried(lambda: use(wire))]
        outcomes = [_outcome(each) for each in answers]
        if outcomes == ["no answer"] or outcomes == ["later"]:
            # Nobody knows whether it was used: once more, and it may be honoured now or never.
            answers.append(_tried(lambda: use(wire)))
        for each in answers:
            self._ledger.used(kind, thing, _outcome(each))
        for each in answers:
            if isinstance(each, Answer) and each.status == 200:
                document: Mapping[str, Any] = json.loads(each.text)
                return document
        if any(_outcome(each) in ("no answer", "later") for each in answers):
            raise Later(f"{kind} not redeemed")
        raise Odd(f"{kind}: {[each.text[:160] for each in answers if isinstance(each, Answer)]}")

    def _both(self, use: Callable[[Wire], Answer]) -> list[Answer | Exception]:
        """Do the same at both hosts at once."""
        other = self._pool.submit(_tried, lambda: use(self._racers[1]))
        mine = _tried(lambda: use(self._racers[0]))
        return [mine, other.result()]

    def _noted(self, document: Mapping[str, Any], registry: Registry, *, contested: bool) -> Tokens:
        claims = self._keys.verified(str(document["id_token"]), registry.client_id)
        kept = self._ledger.acknowledged
        with self._ledger.lock:
            kept.accounts.add(claims["sub"])
            kept.sign_ins[claims["sub"], registry.client_id] += 1
            if registry.consents:
                kept.consents.add((claims["sub"], registry.client_id))
        return Tokens(
            registry=registry,
            access=str(document["access_token"]),
            refresh=str(document["refresh_token"]),
            account_id=claims["sub"],
            sid=claims["sid"],
            contested=contested,
        )

    def _link_sent_to(self, address: str) -> str:
        deadline = monotonic() + MAIL_SECONDS
        while monotonic() < deadline:
            for path in self._mail.glob("*.eml"):
                text = path.read_text(encoding="utf-8", errors="replace").replace("=\n", "").replace("=3D", "=")
                found = re.search(rf"{re.escape(self._issuer)}(\S*token=[\w-]+)", text)
                if f"To: {address}" in text and found is not None:
                    path.unlink(missing_ok=True)
                    return found[1]
            sleep(0.5)
        raise Later("the mail is on its way")


_ONWARD = re.compile(r'<meta http-equiv="refresh" content="0;url=([^"]*)"')
# What a person is told who cannot go on, clearly and with a next step.
_CLEAR_PAGES = frozenset(
    {
        "This sign-in is over",
        "We are having trouble right now",
        "The first is having trouble",
        "The answer could not be trusted",
    }
)


def _tried(act: Callable[[], Answer]) -> Answer | Exception:
    try:
        return act()
    except (Later, NoAnswer, Odd) as error:
        return error


def _outcome(answer: Answer | Exception) -> Outcome:
    if isinstance(answer, Answer):
        return "honoured" if answer.status == 200 else "refused"
    return "no answer" if isinstance(answer, NoAnswer) else "later"


def _path(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
