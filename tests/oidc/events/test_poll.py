"""Clients ask for their events (RFC 8936), with a token of their own, and get what is theirs."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from broker.events.replay import backlogs
from broker.events.security import EventKind, SecurityEvents
from broker.oidc.clients import sha256
from broker.oidc.events.poll import MAX_EVENTS
from broker.settings import ClientMetadata
from broker.web.caps import MAX_BODY
from tests.oidc.events.conftest import POLLED
from tests.oidc.jose.samples import base64url, public
from tests.oidc.jose.samples import jwt as signed
from tests.oidc.kinds import post, sign_in
from tests.world import TIMEOUT, World

KEY = ECKey.generate_key("P-256")


def token_of(world: World, client_id: str, **form: str) -> str:
    response = post(world, "/token", client_id, grant_type="client_credentials", **form)
    assert response.status_code == 200, response.text
    return str(response.json()["access_token"])


def ask(world: World, token: str, document: object = None, **sent: Any) -> requests.Response:
    """Ask with an access token."""
    headers = {"Authorization": f"Bearer {token}", **sent.pop("headers", {})}
    if "data" not in sent:
        sent["json"] = {} if document is None else document
    return requests.post(f"{world.base}/events/poll", headers=headers, timeout=TIMEOUT, **sent)


class Poller:
    """A client that asks."""

    def __init__(self, world: World, client_id: str = "poller") -> None:
        self.world, self.client_id = world, client_id
        self.token = token_of(world, client_id)

    def ask(self, **document: Any) -> dict[str, Any]:
        response = ask(self.world, self.token, document)
        assert response.status_code == 200, response.text
        assert response.headers["Cache-Control"] == "no-store"
        answer: dict[str, Any] = response.json()
        assert set(answer) == {"sets", "moreAvailable"}
        return answer

    def said(self, answer: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Return subject and number of what came, once it is verified."""
        keys = KeySet.import_key_set(requests.get(f"{self.world.base}/jwks", timeout=TIMEOUT).json())
        found = []
        for jti, text in answer["sets"].items():
            token = jwt.decode(text, keys, algorithms=["ES256"])
            assert token.header["typ"] == "secevent+jwt"
            assert (token.claims["jti"], token.claims["iss"]) == (jti, self.world.base)
            assert token.claims["aud"] == self.client_id
            (said,) = token.claims["events"].values()
            found.append((token.claims["sub_id"]["id"], said["number"]))
        return sorted(found)


def happens(world: World, *subjects: str, listeners: tuple[str, ...] = POLLED, now: datetime | None = None) -> None:
    events, numbers = SecurityEvents(listeners), dict.fromkeys(subjects, 0)
    with world.parts.database.begin() as connection:
        for subject in subjects:
            numbers[subject] += 1
            data = {"number": numbers[subject]}
            events.write(connection, EventKind.CLAIMED, subject, data, now or world.clock())


@pytest.fixture
def poller(told: World) -> Poller:
    return Poller(told)


def last_error(world: World, client_id: str = "poller") -> str | None:
    with world.parts.database.read() as connection:
        return next(each.last_error for each in backlogs(connection) if each.client_id == client_id)


# What a client gets.


def test_a_client_is_offered_the_first_event_of_each_account_until_it_has_them(told: World, poller: Poller) -> None:
    happens(told, "a", "b", "a")
    for _ in range(2):
        answer = poller.ask()
        assert poller.said(answer) == [("a", 1), ("b", 1)]
        assert answer["moreAvailable"] is True, "what comes after them, once they are acknowledged"
    answer = poller.ask(ack=list(answer["sets"]), maxEvents=1)
    assert (poller.said(answer), answer["moreAvailable"]) == ([("a", 2)], False)
    assert poller.ask(ack=list(answer["sets"])) == {"sets": {}, "moreAvailable": False}


def test_it_gets_no_more_than_it_asked_for_and_may_only_acknowledge(told: World, poller: Poller) -> None:
    happens(told, "a", "b")
    first = poller.ask(maxEvents=1)
    assert (len(first["sets"]), first["moreAvailable"]) == (1, True)
    assert poller.ask(maxEvents=0, ack=list(first["sets"])) == {"sets": {}, "moreAvailable": True}
    assert len(poller.ask(maxEvents=10**30)["sets"]) == 1


def test_an_answer_has_an_end_whatever_was_asked_for(told: World, poller: Poller) -> None:
    happens(told, *(f"account-{number}" for number in range(MAX_EVENTS + 1)))
    answer = poller.ask(maxEvents=1000)
    assert (len(answer["sets"]), answer["moreAvailable"]) == (MAX_EVENTS, True)
    errors = {jti: {"err": "invalid_request", "description": "x" * 500} for jti in answer["sets"]}
    assert len(poller.ask(setErrs=errors)["sets"]) == 1, "and all of it can be answered at once"
    told.clock.move(timedelta(minutes=1))
    assert len(poller.ask()["sets"]) == MAX_EVENTS


@pytest.mark.parametrize("wish", [{}, {"returnImmediately": True}, {"returnImmediately": False}])
def test_whether_it_would_wait_or_not_it_is_answered_at_once(poller: Poller, wish: Mapping[str, Any]) -> None:
    assert poller.ask(**wish) == {"sets": {}, "moreAvailable": False}


@pytest.mark.parametrize(
    "error, code",
    [
        ({"err": "invalid_audience", "description": "canary"}, "invalid_audience"),
        ({"err": "ada@example.org"}, "unknown_error"),
        ({}, "unknown_error"),
        ({"err": 7}, "unknown_error"),
    ],
)
def test_what_it_cannot_read_is_offered_again_later_and_the_code_is_kept(
    told: World, poller: Poller, error: Mapping[str, Any], code: str
) -> None:
    happens(told, "a", "a", "b")
    (bad,) = [jti for jti, text in poller.ask()["sets"].items() if poller.said({"sets": {jti: text}})[0][0] == "a"]
    answer = poller.ask(setErrs={bad: error})
    assert (poller.said(answer), answer["moreAvailable"]) == ([("b", 1)], False)
    assert last_error(told) == code
    told.clock.move(timedelta(seconds=11))
    assert poller.said(poller.ask()) == [("a", 1), ("b", 1)]


def test_what_it_both_takes_and_refuses_it_has(told: World, poller: Poller) -> None:
    happens(told, "a")
    (jti,) = poller.ask()["sets"]
    assert poller.ask(ack=[jti], setErrs={jti: {"err": "invalid_request"}})["sets"] == {}


def test_members_that_we_do_not_know_are_passed_over(told: World, poller: Poller) -> None:
    assert poller.ask(something={"else": 1})["sets"] == {}


# T4: nobody else's.


def test_t4_a_client_gets_what_is_its_own_and_acknowledges_nothing_else(told: World, poller: Poller) -> None:
    other = Poller(told, "other")
    happens(told, "a", listeners=("other",))
    assert poller.ask()["sets"] == {}
    (jti,) = other.ask()["sets"]
    poller.ask(ack=[jti, str(uuid4()), "", "x" * 500], setErrs={jti: {"err": "invalid_request"}, "x": {}})
    assert list(other.ask()["sets"]) == [jti]


def test_t4_one_clients_word_is_not_anothers(told: World, poller: Poller) -> None:
    other = Poller(told, "other")
    happens(told, "a", listeners=("other", "poller"))
    (jti,) = poller.ask()["sets"]
    poller.ask(ack=[jti])
    assert list(other.ask()["sets"]) == [jti]


@pytest.mark.parametrize("client_id", ["streamless", "pushed", "listening-for-others"])
def test_t4_without_the_scope_or_a_stream_to_ask_for_there_is_nothing(told: World, client_id: str) -> None:
    response = ask(told, token_of(told, client_id))
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def test_t4_a_token_for_something_else_opens_nothing(told: World) -> None:
    api = "https://api.registry.example/"
    tokens = [
        token_of(told, "poller", scope="introspection"),
        token_of(told, "with-an-api", scope="events", resource=api),
        sign_in(told, "registry", scope="openid").response["access_token"],
    ]
    for token in tokens:
        response = ask(told, token)
        assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")


def test_t4_nobody_asks_without_a_token(told: World) -> None:
    url = f"{told.base}/events/poll"
    nothing = requests.post(url, json={}, timeout=TIMEOUT)
    assert (nothing.status_code, "error=" in nothing.headers["WWW-Authenticate"]) == (401, False)
    by_secret = requests.post(url, json={}, auth=("poller", told.secrets["poller"]), timeout=TIMEOUT)
    assert by_secret.status_code == 401
    assert ask(told, "x").json()["error"] == "invalid_token"


def test_t4_a_client_that_may_not_any_more_gets_nothing(told: World) -> None:
    parts, secret = told.parts, token_urlsafe(32)

    def scoped(scope: str) -> ClientMetadata:
        return ClientMetadata.model_validate(
            {"name": "Asking", "grant_types": ["client_credentials"], "scopes": [scope]}
        )

    with parts.database.begin() as connection:
        parts.clients.add(connection, "database", scoped("events"), parts.audit, told.clock(), secret=secret)
    form = {"grant_type": "client_credentials"}
    given = requests.post(f"{told.base}/token", data=form, auth=("database", secret), timeout=TIMEOUT)
    token = given.json()["access_token"]
    happens(told, "a")
    assert len(ask(told, token).json()["sets"]) == 1
    with parts.database.begin() as connection:
        metadata = scoped("introspection")
        parts.clients.replace(connection, "database", metadata, parts.audit, told.clock(), secret_sha256=sha256(secret))
    assert ask(told, token).status_code == 403
    with parts.database.begin() as connection:
        parts.clients.set_status(connection, "database", "disabled", parts.audit, told.clock())
    disabled = ask(told, token)
    assert (disabled.status_code, disabled.json()["error"]) == (401, "invalid_token")


# T9: tokens.


def test_t9_an_event_is_no_token_to_come_with(told: World, poller: Poller) -> None:
    happens(told, "a")
    (event,) = poller.ask()["sets"].values()
    assert ask(told, event).status_code == 401
    assert told.registry().userinfo(event).status_code == 401
    active = post(told, "/introspect", "poller", token=event).json()
    assert active == {"active": False}
    hinted = requests.get(f"{told.base}/logout", params={"id_token_hint": event}, timeout=TIMEOUT)
    assert hinted.status_code == 400


def proof(world: World, nonce: str, path: str, token: str | None = None) -> str:
    claims = {
        "jti": token_urlsafe(16),
        "htm": "POST",
        "htu": f"{world.base}{path}",
        "iat": int(world.clock().timestamp()),
        "nonce": nonce,
    }
    if token is not None:
        claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
    return signed(claims, key=KEY, typ="dpop+jwt", jwk=public(KEY, kid=...), kid=...)


def test_t9_a_token_that_is_bound_to_a_key_comes_with_a_proof_of_it(told: World) -> None:
    first = post(told, "/token", "bound", {"DPoP": "x.y.z"}, grant_type="client_credentials")
    nonce = first.headers["DPoP-Nonce"]
    given = post(told, "/token", "bound", {"DPoP": proof(told, nonce, "/token")}, grant_type="client_credentials")
    token = given.json()["access_token"]
    url = f"{told.base}/events/poll"

    def sent(**headers: str) -> requests.Response:
        return requests.post(url, json={}, headers=headers, timeout=TIMEOUT)

    good = sent(Authorization=f"DPoP {token}", DPoP=proof(told, nonce, "/events/poll", token))
    assert good.status_code == 200, good.text
    assert good.headers["DPoP-Nonce"], "for the next time"
    assert sent(Authorization=f"Bearer {token}").status_code == 401
    assert sent(Authorization=f"DPoP {token}").status_code == 401
    elsewhere = proof(told, nonce, "/introspect", token)
    assert sent(Authorization=f"DPoP {token}", DPoP=elsewhere).status_code == 401


# What is not a request.


@pytest.mark.parametrize(
    "document",
    [
        {"maxEvents": -1},
        {"maxEvents": "1"},
        {"maxEvents": True},
        {"maxEvents": 1.5},
        {"returnImmediately": "true"},
        {"returnImmediately": None},
        {"ack": "x"},
        {"ack": [1]},
        {"ack": None},
        {"setErrs": []},
        {"setErrs": {"x": "invalid_request"}},
        [],
        "x",
    ],
    ids=str,
)
def test_what_is_not_as_it_should_be_is_an_error_and_changes_nothing(
    told: World, poller: Poller, document: object
) -> None:
    happens(told, "a")
    (jti,) = poller.ask()["sets"]
    if isinstance(document, dict):
        document = {"ack": [jti], **document}
    response = ask(told, poller.token, document)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert list(poller.ask()["sets"]) == [jti]


@pytest.mark.parametrize(
    "sent, status",
    [
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 400),
        ({"data": {"x": "y"}}, 400),
        ({"data": b'{"ack": [], "ack": []}', "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"", "headers": {"Content-Type": "application/json"}}, 400),
        ({"params": {"x": "y"}}, 400),
        ({"document": {"ack": ["x" * MAX_BODY]}}, 413),
    ],
    ids=str,
)
def test_a_body_that_is_none_is_refused(poller: Poller, told: World, sent: dict[str, Any], status: int) -> None:
    response = ask(told, poller.token, **json.loads(json.dumps(sent)) if "data" not in sent else dict(sent))
    assert response.status_code == status, response.text
    assert response.json()["error"] in ("invalid_request", "request_too_large")
