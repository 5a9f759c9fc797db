"""A place that takes a JWT, and what it is put through (T9)."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import requests

from tests.security.table.forgeries import Forgery, Lie, Specimen
from tests.security.table.house import House
from tests.security.table.kinds import every_kind
from tests.world import CALLBACK, arrival

Check = Callable[[House], None]
Sent = Callable[[House, str], requests.Response]
Lies = Callable[[House], Mapping[str, Lie]]


@dataclass(frozen=True, kw_only=True)
class Place:
    """``send`` shows a token there; ``accepted`` says whether that answer is one to a good token.

    ``takes`` are the kinds of token that belong there.
    """

    takes: Collection[str]
    specimen: Callable[[House], Specimen]
    send: Sent
    accepted: Callable[[requests.Response], bool]
    forgeries: Mapping[str, Forgery]
    lies: Lies

    def check(self, house: House) -> None:
        self.takes_the_good_one(house)
        for name, forgery in self.forgeries.items():
            self.refuses(house, name, forgery(self.specimen(house)))
        for name, (header, claims) in self.lies(house).items():
            self.refuses(house, name, self.specimen(house).token(claims=claims, **header))
        for name, token in every_kind(house).items():
            if name not in self.takes:
                self.refuses(house, name, token)
        self.takes_the_good_one(house)

    def takes_the_good_one(self, house: House) -> None:
        response = self.send(house, self.specimen(house).token())
        assert self.accepted(response), response.text

    def refuses(self, house: House, name: str, token: str) -> None:
        response = self.send(house, token)
        assert response.status_code < 500, (name, response.text)
        assert not self.accepted(response), name


def example(rule: str) -> str:
    """Return an address of a rule, of things that there are not."""
    shaped = {"context": "c1", "verb": "approve", "provider_id": "entra", "name": "announced"}
    for room, verb in (("/aliases/", "confirm"), ("/waves/", "stop")):
        if room in rule:
            shaped["verb"] = verb
    return re.sub("<([^>]*)>", lambda found: shaped.get(found[1], "00000000-0000-4000-8000-000000000000"), rule)


def status(*good: int) -> Callable[[requests.Response], bool]:
    return lambda response: response.status_code in good


def error(code: str) -> Callable[[requests.Response], bool]:
    """Accept what comes this far: its refusal has nothing to do with the token."""
    return lambda response: response.status_code == 400 and response.json().get("error") == code


def has_code(response: requests.Response) -> bool:
    location = response.headers.get("Location", "")
    return location.startswith(CALLBACK) and "code" in arrival(location).parameters
