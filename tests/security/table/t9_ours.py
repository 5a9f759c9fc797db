"""T9: what we sign. ID tokens that come back as hints and access tokens, each shown forged wherever it is taken."""

from collections.abc import Callable, Mapping

import requests

from broker.oidc.scopes import MANAGEMENT
from tests.oidc.jose.samples import Members
from tests.security.table.forgeries import BY_KID, FORGERIES, OWN_KEY, Lie, Specimen
from tests.security.table.house import AFTERWARDS, House
from tests.security.table.kinds import ACCESS_TOKEN, ID_TOKEN, OPAQUE, ours
from tests.security.table.places import Check, Place, Sent

# ID tokens that come back as hints (OpenID Connect Core 3.1.2.1, RP-Initiated Logout 1.0 section 2).


def id_token_hint(send: Sent, accepted: Callable[[requests.Response], bool]) -> Check:
    return Place(
        takes={ID_TOKEN},
        specimen=lambda house: ours(house, house.once(_tokens_of_basic)["id_token"]),
        send=send,
        accepted=accepted,
        forgeries={**FORGERIES, **OWN_KEY, **BY_KID},
        lies=_lies_of_hints,
    ).check


def _lies_of_hints(house: House) -> Mapping[str, Lie]:
    claims: Mapping[str, Members] = {
        "iss of another": {"iss": "https://attacker.example"},
        "no iss": {"iss": ...},
        "aud of another client": {"aud": "post"},
        "aud in a list": {"aud": ["basic"]},
        "no aud": {"aud": ...},
        "no sub": {"sub": ...},
        "sub that is a number": {"sub": 1},
        "no sid": {"sid": ...},
    }
    types = ("at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "token-introspection+jwt", "", ..., 1)
    return {
        **{name: ({}, changes) for name, changes in claims.items()},
        **{f"typ {typ!r}": ({"typ": typ}, {}) for typ in types},
    }


def _tokens_of_basic(house: House) -> object:
    return house.tokens("basic")


def hint_at_authorize(house: House, token: str) -> requests.Response:
    return house.authorize(house.request("basic", prompt="none", id_token_hint=token).parameters)


def hint_at_par(house: House, token: str) -> requests.Response:
    return house.call("/par", "basic", house.request("basic", id_token_hint=token).parameters)


def _logging_out(token: str) -> dict[str, str]:
    return {"id_token_hint": token, "client_id": "basic", "post_logout_redirect_uri": AFTERWARDS}


def hint_at_logout(house: House, token: str) -> requests.Response:
    """Nobody is signed in here: only a token of ours sends the browser on."""
    return house.send("GET", "/logout", params=_logging_out(token))


def hint_by_form(house: House, token: str) -> requests.Response:
    asked_again = house.send("POST", "/logout", data=_logging_out(token))
    assert asked_again.status_code == 303
    return house.send("GET", asked_again.headers["Location"])


def hint_at_confirmation(house: House, token: str) -> requests.Response:
    visitor, form_token = house.once(_stranger)
    response: requests.Response = visitor.post("/logout/confirm", {**_logging_out(token), "csrf_token": form_token})
    return response


def _stranger(house: House) -> object:
    visitor = house.world.visitor()
    return visitor, visitor.page(visitor.get("/device")).form_token()


def goes_back(response: requests.Response) -> bool:
    """A redirect, or a page that leads on at once."""
    return response.headers.get("Location") == AFTERWARDS or f"url={AFTERWARDS}" in response.text


# Access tokens as JWT (RFC 9068).


def access_token(
    send: Sent, accepted: Callable[[requests.Response], bool], *, service: bool = False, managing: bool = False
) -> Check:
    """``service``: a client's own token, ``managing``: one of somebody's that opens the management API."""

    def specimen(house: House) -> Specimen:
        made = service_token if service else _managing_tokens if managing else _jwt_tokens
        return ours(house, house.once(made)["access_token"])

    return Place(
        takes=set() if service else {ACCESS_TOKEN, OPAQUE},
        specimen=specimen,
        send=send,
        accepted=accepted,
        forgeries={**FORGERIES, **OWN_KEY, **BY_KID},
        lies=_lies_of_access_tokens,
    ).check


def _jwt_tokens(house: House) -> object:
    return house.tokens("signer")


def _managing_tokens(house: House) -> object:
    return house.tokens("signer", scope=" ".join(["openid", *MANAGEMENT]))


def service_token(house: House) -> object:
    return house.call("/token", "signer", {"grant_type": "client_credentials"}).json()


def _lies_of_access_tokens(house: House) -> Mapping[str, Lie]:
    return {
        "iss of another": ({}, {"iss": "https://attacker.example"}),
        "no iss": ({}, {"iss": ...}),
        "no record": ({}, {"vst": ...}),
        "another record": ({}, {"vst": "AAAA"}),
        "record that is a list": ({}, {"vst": []}),
        **{f"typ {typ!r}": ({"typ": typ}, {}) for typ in ("JWT", "logout+jwt", "secevent+jwt", "dpop+jwt", "", ..., 1)},
    }


def in_header(method: str, path: str, **form: str) -> Sent:
    def send(house: House, token: str) -> requests.Response:
        return house.send(method, path, headers={"Authorization": f"Bearer {token}"}, data=form or None)

    return send


def with_json(path: str) -> Sent:
    def send(house: House, token: str) -> requests.Response:
        return house.send("POST", path, headers={"Authorization": f"Bearer {token}"}, json={})

    return send


def in_form(house: House, token: str) -> requests.Response:
    return house.send("POST", "/userinfo", data={"access_token": token})


def as_question(house: House, token: str) -> requests.Response:
    return house.call("/introspect", "signer", {"token": token})


def is_active(response: requests.Response) -> bool:
    return response.status_code == 200 and response.json()["active"] is True


def forged_tokens_are_not_revoked(house: House) -> None:
    """POST /revoke takes anything for ended: what counts is that the good token lives on."""
    good = house.tokens("signer")["access_token"]
    specimen = ours(house, good)
    for name, forgery in {**FORGERIES, **OWN_KEY, **BY_KID}.items():
        response = house.call("/revoke", "signer", {"token": forgery(specimen)})
        assert response.status_code in (200, 413), name
    assert house.world.registry().userinfo(good).status_code == 200
    assert house.call("/revoke", "signer", {"token": good}).status_code == 200
    assert house.world.registry().userinfo(good).status_code == 401
