"""Everything secret that goes over the wire in this process, by the name it has there."""

import json
import re
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

# Parameters of the protocols that are worth something to whoever reads them, or tell one sign-in from another.
NAMES = frozenset(
    {
        "access_token",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "csrf_token",
        "device_code",
        "id_token",
        "id_token_hint",
        "logout_token",
        "nonce",
        "refresh_token",
        "registration_access_token",
        "relay",
        "request",
        "request_uri",
        "state",
        "token",
        "user_code",
    }
)
# In a JSON document these are words of the management API, and no secrets.
_OF_FORMS = ("code", "state")
# Addresses of ours that carry a handle.
_HANDLE = re.compile(
    r"^/(?:signin|work|leave|consent|device/confirm|invitations|claim|claim/link|convert|convert/accept|recover"
    r"|migration/stop|migration/undo|unsubscribe)/([\w.-]{16,})"
)
_LINK = re.compile(r'(?:href="|content="0;url=)([^"]*)"')
_FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_SHORTEST = 8  # characters


class Wiretap:
    """What was heard, by name. Values too short to be secret are left out."""

    def __init__(self) -> None:
        self.heard: dict[str, set[str]] = defaultdict(set)

    def listen(self, request: requests.PreparedRequest, response: requests.Response, *, streamed: bool) -> None:
        """Note what a request and its answer carry; not the body of an answer that somebody is yet to read."""
        self._headers(request.headers)
        self._url(str(request.url))
        self.body(request.body)
        self._headers(response.headers)
        for cookie in response.cookies:
            self._note("cookie", str(cookie.value))
        if not streamed:
            text = response.content.decode(errors="replace")
            self.body(text)
            for link in _LINK.findall(text):
                self._url(unescape(link))
            self._pairs((unescape(name), unescape(value)) for name, value in _FIELD.findall(text))

    def body(self, body: bytes | str | Iterable[bytes] | None) -> None:
        """Note what a form or a JSON object says; anything else says nothing."""
        text = body.decode(errors="replace") if isinstance(body, bytes) else body
        if not isinstance(text, str):
            return
        try:
            document: Any = json.loads(text)
        except ValueError:
            self._pairs(parse_qsl(text))
        else:
            if isinstance(document, dict):
                own = {name: value for name, value in document.items() if name not in _OF_FORMS}
                self._pairs((name, value) for name, value in own.items() if isinstance(value, str))

    def needles(self) -> set[str]:
        """Return what must be found nowhere: each value, and parts of the long ones, which may be stored in parts."""
        values = set().union(*self.heard.values())
        values |= {code.replace("-", "") for code in self.heard["user_code"]}
        long = {value for value in values if len(value) >= 40}
        return values | {value[4:36] for value in long} | {value[-32:] for value in long}

    def _headers(self, headers: Mapping[str, str]) -> None:
        if "Location" in headers:
            self._url(headers["Location"])
        if "DPoP" in headers:
            self._note("DPoP", headers["DPoP"])
        for pair in headers.get("Cookie", "").split("; "):
            self._note("cookie", pair.partition("=")[2])
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        self._note("authorization", credentials)
        if scheme == "Basic":
            with suppress(ValueError):  # malformed, on purpose
                self._note("client_secret", b64decode(credentials).decode().partition(":")[2])

    def _url(self, url: str) -> None:
        parts = urlsplit(url)
        self._pairs(parse_qsl(parts.query))
        for handle in _HANDLE.findall(parts.path):
            self._note("handle", handle)

    def _pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        for name, value in pairs:
            if name in NAMES:
                self._note(name, value)

    def _note(self, name: str, value: str) -> None:
        if len(value) >= _SHORTEST:
            self.heard[name].add(value)


@contextmanager
def tapped() -> Iterator[Wiretap]:
    """Listen to all that Requests sends in this process: to the broker, and from it to providers and registries."""
    tap, send = Wiretap(), requests.Session.send

    def heard(self: requests.Session, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        response = send(self, request, **how)
        tap.listen(request, response, streamed=bool(how.get("stream")))
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", heard)
        yield tap


def found_in(text: str, needles: Iterable[str]) -> set[str]:
    """Return the needles that occur in a text: one pass over it, however many there are."""
    by_beginning: dict[str, list[str]] = defaultdict(list)
    for needle in needles:
        by_beginning[needle[:_SHORTEST]].append(needle)
    return {
        needle
        for start in range(len(text) - _SHORTEST + 1)
        for needle in by_beginning.get(text[start : start + _SHORTEST], ())
        if text.startswith(needle, start)
    }
