"""T6: addresses to go to. Compared as strings with what is registered; whatever is wrong with one is a page here."""

from collections.abc import Mapping

import requests

from tests.security.table.house import AFTERWARDS, House
from tests.security.table.places import Check
from tests.security.table.t8 import told
from tests.security.test_t6_redirect_uri import TRICKS
from tests.world import CALLBACK, Visitor, arrival

# The same tricks with the address that a browser is sent to after logging out.
AFTER_LOGOUT = {name: uri.replace("callback", "signed-out") for name, uri in TRICKS.items() if uri}
UNFIT: Mapping[str, str] = {
    "a fragment": "https://registry.example/cb#x",
    "userinfo": "https://user@registry.example/cb",
    "a password": "https://registry.example:x@attacker.example/cb",
    "http": "http://registry.example/cb",
    "a script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "an app's scheme": "registry://cb",
    "no scheme": "//registry.example/cb",
    "relative": "/cb",
    "a wildcard": "https://*.registry.example/cb",
    "capital letters": "https://Registry.example/cb",
    "a backslash": "https://registry.example\\@attacker.example/cb",
    "a newline": "https://registry.example/cb\n",
    "a NUL": "https://registry.example/cb\0",
    "a space": "https://registry.example/c b",
    "full-width": "https://registry.example/\uff43b",
    "a decimal address": "https://2130706433/cb",
    "a short address": "https://127.1/cb",
    "percent in the host": "https://registry%2eexample/cb",
    "no host": "https:///cb",
    "an impossible port": "https://registry.example:99999/cb",
    "nothing": "",
}


def _shown(response: requests.Response, name: str) -> None:
    assert response.status_code == 400, name
    assert "Location" not in response.headers, name
    assert "evil" not in response.text, name


def at_authorize(house: House) -> None:
    for name, uri in TRICKS.items():
        for extra in ({}, {"prompt": "none"}, {"response_mode": "form_post"}):
            _shown(house.authorize({**house.request("basic", **extra).parameters, "redirect_uri": uri}), name)
    # In a request of another source, too; and what stands beside it changes nothing.
    both = house.authorize([*house.request("basic").parameters.items(), ("redirect_uri", "https://evil.example/")])
    _shown(both, "two")
    good = house.authorize(house.request("basic", prompt="none").parameters)
    assert arrival(good.headers["Location"]).code


def at_authorize_by_form(house: House) -> None:
    for name, uri in TRICKS.items():
        request = {**house.request("basic", prompt="none").parameters, "redirect_uri": uri}
        again = house.person.post("/authorize", request)
        if name == "NUL" and again.status_code == 400:
            continue  # no form with one is read at all
        assert again.status_code == 303
        assert again.headers["Location"].startswith("/authorize?"), name
        _shown(house.person.get(again.headers["Location"]), name)


def at_par(house: House) -> None:
    for name, uri in TRICKS.items():
        response = house.call("/par", "basic", {**house.request("basic").parameters, "redirect_uri": uri})
        assert told(response) == (400, "invalid_request"), name
    assert house.call("/par", "basic", house.request("basic").parameters).status_code == 201


def at_redemption(house: House) -> None:
    """RFC 6749 section 4.1.3: the same as in the request, letter for letter."""
    for name in ("trailing slash", "query added", "upper case", "encoded path", "newline", "empty", "localhost"):
        form = {**house.code_form("basic"), "redirect_uri": TRICKS[name]}
        assert told(house.call("/token", "basic", form)) == (400, "invalid_grant"), name
    form = house.code_form("basic")
    del form["redirect_uri"]
    assert told(house.call("/token", "basic", form))[0] == 400


def at_logout(method: str, path: str) -> Check:
    """By somebody who is signed in nowhere, with a good ID token."""

    def check(house: House) -> None:
        hint = house.once(_tokens)["id_token"]
        visitor = house.world.visitor()
        token = visitor.page(visitor.get("/device")).form_token()
        for name, uri in {**AFTER_LOGOUT, "of another": CALLBACK, "of nobody": "https://evil.example/"}.items():
            for asked in ({"id_token_hint": hint}, {"client_id": "basic"}):
                fields = {**asked, "post_logout_redirect_uri": uri, "csrf_token": token}
                _shown(_sent(visitor, method, path, fields), name)
        nobody = _sent(visitor, method, path, {"post_logout_redirect_uri": AFTERWARDS, "csrf_token": token})
        assert AFTERWARDS not in nobody.text + nobody.headers.get("Location", ""), "whose it is was not said"

    return check


def _sent(visitor: Visitor, method: str, path: str, fields: dict[str, str]) -> requests.Response:
    if method == "GET":
        return visitor.get(path, params={name: value for name, value in fields.items() if name != "csrf_token"})
    response = visitor.post(path, fields)
    return visitor.get(response.headers["Location"]) if response.status_code == 303 else response


def _tokens(house: House) -> object:
    return house.tokens("basic")


def at_registration(house: House, method: str, path: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    for name, uri in UNFIT.items():
        for member in ("redirect_uris", "post_logout_redirect_uris", "backchannel_logout_uri"):
            document: dict[str, object] = {"redirect_uris": ["https://registry.example/cb"]}
            document[member] = uri if member == "backchannel_logout_uri" else [uri]
            if method == "PUT":
                document["client_id"] = path.rpartition("/")[2]
            response = house.send(method, path, json=document, headers=headers)
            assert response.status_code == 400, (name, member)
            assert response.json()["error"] in ("invalid_redirect_uri", "invalid_client_metadata"), (name, member)
