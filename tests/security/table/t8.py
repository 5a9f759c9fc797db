"""T8: downgrade. Nothing that was agreed on can be left out, weakened or replaced on the way."""

from collections.abc import Callable, Mapping

import requests

from tests.security.table import dpop
from tests.security.table.house import ASSERTION_TYPE, House
from tests.security.table.places import Check, has_code
from tests.security.table.t9_clients import bound_service_token, bound_token
from tests.world import CALLBACK, arrival

# A client for each method of authentication.
METHODS = {"client_secret_basic": "basic", "client_secret_post": "post", "private_key_jwt": "signer", "none": "public"}


def told(response: requests.Response) -> tuple[int, str]:
    """Return status and error of an answer in JSON."""
    return response.status_code, response.json().get("error", "")


# Client authentication: the same wherever clients authenticate.


def held_to_its_method(path: str, **given: str) -> Check:
    """A client authenticates by its registered method: another is as good as none."""
    form = {"extra": "foobar", **given}

    def check(house: House) -> None:
        for registered, client_id in METHODS.items():
            for method in METHODS:
                response = house.call(path, client_id, form, method=method)
                if method == registered:
                    assert response.status_code != 401, (client_id, response.text)
                else:
                    assert told(response) == (401, "invalid_client"), (client_id, method)
        for name, (fields, headers) in _wrong_ways(house).items():
            response = house.send("POST", path, data={**form, **fields}, headers=headers)
            assert told(response) in {(400, "invalid_request"), (401, "invalid_client")}, name
        fields, _ = house.credentials("post")
        in_the_url = house.send("POST", path, params=fields, data=form)
        assert told(in_the_url) == (400, "invalid_request")

    return check


def _wrong_ways(house: House) -> Mapping[str, tuple[dict[str, str], dict[str, str]]]:
    none: dict[str, str] = {}
    _, basic = house.credentials("basic")
    _, other_basic = house.credentials("third")
    post, _ = house.credentials("post")
    signer, _ = house.credentials("signer")
    secret = str(house.clients["basic"]["secret"])
    assertion = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": house.assertion("signer")}
    return {
        "nothing": (none, none),
        "a client id alone": ({"client_id": "basic"}, none),
        "nobody": ({"client_id": "nobody"}, none),
        "an empty secret": ({"client_id": "post", "client_secret": ""}, none),
        "another client's secret": ({"client_id": "post", "client_secret": secret}, none),
        "the hash of nothing": ({"client_id": "signer", "client_secret": ""}, none),
        "header and form": (post, basic),
        "header and assertion": (assertion, basic),
        "form and assertion": ({**post, **assertion}, none),
        "header and another client_id": ({"client_id": "public"}, basic),
        "header and an empty secret": ({"client_secret": ""}, basic),
        "two headers": (none, {"Authorization": f"{basic['Authorization']}, {other_basic['Authorization']}"}),
        "header of another scheme": (none, {"Authorization": basic["Authorization"].replace("Basic", "Digest")}),
        "assertion and another client_id": ({**assertion, "client_id": "basic"}, none),
        "assertion and a public client_id": ({**assertion, "client_id": "public"}, none),
        "assertion of another type": ({**signer, "client_assertion_type": "urn:x"}, none),
        "assertion without its type": ({"client_assertion": house.assertion("signer")}, none),
    }


# Authorization requests: PKCE, response types, pushed and signed ones.

WEAKER: Mapping[str, dict[str, str]] = {
    "no challenge": {"code_challenge": "", "code_challenge_method": ""},
    "no challenge but its method": {"code_challenge": ""},
    "no method": {"code_challenge_method": ""},
    "plain": {"code_challenge_method": "plain"},
    "another spelling": {"code_challenge_method": "s256"},
    "a challenge that is a verifier": {"code_challenge": "v" * 64},
    "a challenge that is too short": {"code_challenge": "v" * 42},
    "tokens by the browser": {"response_type": "token"},
    "hybrid": {"response_type": "code id_token"},
    "no response type": {"response_type": ""},
    "fragment": {"response_mode": "fragment"},
    "a window's message": {"response_mode": "web_message"},
    "a request without a signature": {"request": "eyJhbGciOiJub25lIn0.e30."},
    "a request by reference": {"request_uri": "https://attacker.example/request.jwt"},
    "a request that is a file": {"request_uri": "file:///etc/passwd"},
    "a pushed request that is none": {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
    "none and something": {"prompt": "none login"},
}


def nothing_weaker_at_authorize(house: House) -> None:
    house.world.standins.forget_requests()
    for name, changes in WEAKER.items():
        response = house.authorize({**house.request("basic", prompt="none").parameters, **changes})
        assert not has_code(response), name
        assert response.status_code in (302, 400), name
    assert house.world.standins.requests == (), "nothing is fetched"
    loose = house.request("loose", prompt="none", code_challenge="")
    assert arrival(house.authorize(loose.parameters).headers["Location"]).parameters["error"] == "invalid_request"


def nothing_weaker_at_par(house: House) -> None:
    for name, changes in WEAKER.items():
        response = house.call("/par", "basic", {**house.request("basic").parameters, **changes})
        assert response.status_code == 400, name
        assert "request_uri" not in response.json(), name
    unsigned = house.call("/par", "signing", house.request("signing").parameters)
    assert told(unsigned) == (400, "invalid_request")


def pushed(house: House, client_id: str, **extra: str) -> str:
    """Return the reference of a request that a client pushed."""
    response = house.call("/par", client_id, house.request(client_id, prompt="none", **extra).parameters)
    assert response.status_code == 201, response.text
    return str(response.json()["request_uri"])


def pushing_and_signing_are_kept_to(house: House) -> None:
    for client_id in ("pushing", "signing"):
        back = arrival(house.authorize(house.request(client_id, prompt="none").parameters).headers["Location"])
        assert back.parameters["error"] == "invalid_request", client_id
    reference = pushed(house, "pushing", state="pushed")
    # Another client's, and one that comes with more.
    stolen = house.authorize({"client_id": "basic", "request_uri": reference})
    assert (stolen.status_code, "Location" in stolen.headers) == (400, False)
    both = house.authorize({"client_id": "pushing", "request_uri": reference, "request": "x.y.z"})
    assert (both.status_code, "Location" in both.headers) == (400, False)
    # What stands beside it in the URL does not count.
    beside = {"state": "beside", "redirect_uri": "https://attacker.example/", "prompt": "login", "scope": "openid"}
    answered = arrival(
        house.authorize({"client_id": "pushing", "request_uri": reference, **beside}).headers["Location"]
    )
    assert answered.parameters["state"] == "pushed"
    assert answered.code


# What is redeemed.


def a_code_needs_its_verifier(house: House) -> None:
    for client_id in ("basic", "public"):
        for verifier in ("", "v" * 43, "challenge"):
            code, request = house.code(client_id)
            challenge = request.parameters["code_challenge"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
            given = challenge if verifier == "challenge" else verifier
            response = house.call("/token", client_id, form | ({"code_verifier": given} if given else {}))
            assert told(response) in {(400, "invalid_grant"), (400, "invalid_request")}, (client_id, verifier)
    # A verifier for a code without a challenge: somebody has taken the challenge away (RFC 9700 section 4.8.2).
    form = house.code_form("loose", code_challenge="", code_challenge_method="")
    assert told(house.call("/token", "loose", form))[0] == 400
    whole = house.code_form("loose", code_challenge="", code_challenge_method="")
    del whole["code_verifier"]
    assert house.call("/token", "loose", whole).status_code == 200


def a_key_stays_a_condition(grant: str) -> Check:
    """Who has to prove a key for a grant cannot leave that out, or prove another."""

    def check(house: House) -> None:
        if grant == "authorization_code":
            _codes_are_bound(house)
        client_id = "bound" if grant == "client_credentials" else "bound-public"
        form = _bound_form(house, grant, client_id)
        assert told(house.call("/token", client_id, form)) == (400, "invalid_request")
        if grant == "refresh_token":
            theirs = dpop.proof(house, "POST", "/token", key=dpop.OTHER_KEY)
            assert told(house.call("/token", client_id, form, {"DPoP": theirs})) == (400, "invalid_dpop_proof")
        twice = f"{dpop.proof(house, 'POST', '/token')}, {dpop.proof(house, 'POST', '/token')}"
        assert told(house.call("/token", client_id, form, {"DPoP": twice})) == (400, "invalid_dpop_proof")
        if grant != "authorization_code" and "device" not in grant:
            good = house.call("/token", client_id, form, {"DPoP": dpop.proof(house, "POST", "/token")})
            assert good.json()["token_type"] == "DPoP"

    return check


def _bound_form(house: House, grant: str, client_id: str) -> dict[str, str]:
    if grant != "refresh_token":
        return house.grant_form(grant, client_id)
    first = house.call("/token", client_id, house.code_form(client_id), {"DPoP": dpop.proof(house, "POST", "/token")})
    return {"grant_type": grant, "refresh_token": first.json()["refresh_token"]}


def _codes_are_bound(house: House) -> None:
    form = house.code_form("basic", dpop_jkt=dpop.JKT)
    assert told(house.call("/token", "basic", form)) == (400, "invalid_request")
    form = house.code_form("basic", dpop_jkt=dpop.JKT)
    theirs = {"DPoP": dpop.proof(house, "POST", "/token", key=dpop.OTHER_KEY)}
    assert told(house.call("/token", "basic", form, theirs)) == (400, "invalid_dpop_proof")


def a_bound_token_is_no_bearer_token(method: str) -> Check:
    """RFC 9449 section 7.1: neither by another scheme nor without its proof."""

    def check(house: House) -> None:
        token, path = bound_token(house), "/userinfo"

        def given(headers: dict[str, str], form: dict[str, str] | None = None) -> int:
            return house.send(method, path, headers=headers, data=form).status_code

        good = {"Authorization": f"DPoP {token}", "DPoP": dpop.proof(house, method, path, token)}
        assert given(good) == 200
        assert given({"Authorization": f"Bearer {token}"}) == 401
        proof = dpop.proof(house, method, path, token)
        assert given({"Authorization": f"Bearer {token}", "DPoP": proof}) == 401
        assert given({"Authorization": f"DPoP {token}"}) == 401
        theirs = dpop.proof(house, method, path, token, key=dpop.OTHER_KEY)
        assert given({"Authorization": f"DPoP {token}", "DPoP": theirs}) == 401
        free = house.once(_free)["access_token"]
        assert given({"Authorization": f"DPoP {free}", "DPoP": dpop.proof(house, method, path, free)}) == 401
        assert given({"Authorization": f"Bearer {free}"}) == 200
        # RFC 6750 sections 2.2 and 2.3: never in the URL, and in a body only where the method has one.
        assert house.send(method, path, params={"access_token": free}).status_code == 400
        if method == "POST":
            assert given({"Authorization": f"Bearer {free}"}, {"access_token": free}) == 400
            assert given({}, {"access_token": token}) == 401
            assert given({}, {"access_token": free}) == 200

    return check


def a_get_has_no_body(house: House) -> None:
    """RFC 6750 section 2.2: a token in the body is never taken from a GET."""
    token = house.once(_free)["access_token"]
    assert house.send("GET", "/userinfo", data={"access_token": token}).status_code in (400, 401)


def a_body_is_a_form(house: House) -> None:
    """RFC 6750 section 2.2: one url-encoded form, and nothing beside it in the URL."""
    token = house.once(_free)["access_token"]
    assert house.send("POST", "/userinfo", files={"access_token": (None, token)}).status_code in (400, 401)
    assert house.send("POST", "/userinfo", data={"access_token": [token, token]}).status_code == 400


def a_bound_poller_proves_its_key(house: House) -> None:
    token = bound_service_token(house)
    for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"DPoP {token}"}):
        assert house.send("POST", "/events/poll", json={}, headers=headers).status_code == 401
    person = {"Authorization": f"Bearer {house.once(_free)['access_token']}"}
    assert told(house.send("POST", "/events/poll", json={}, headers=person)) == (403, "insufficient_scope")


def a_bound_caller_proves_its_key(house: House) -> None:
    token = bound_service_token(house)
    for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"DPoP {token}"}):
        assert house.send("POST", "/introspect", data={"token": "x"}, headers=headers).status_code == 401
    person = house.once(_free)["access_token"]
    with_somebodys = house.send(
        "POST", "/introspect", data={"token": "x"}, headers={"Authorization": f"Bearer {person}"}
    )
    assert told(with_somebodys) == (400, "invalid_request")


def _free(house: House) -> object:
    return house.tokens("basic")


# Registration: what only an operator gives.

OPERATORS: Mapping[str, object] = {
    "first_party": True,
    "insecure_pkce_optional": True,
    "providers": ["github"],
    "strength": "mfa",
    "bindings": ["account_state"],
    "serves": ["https://api.registry.example/"],
    "resources": ["https://api.registry.example/"],
    "id_token_claims": ["email"],
    "access_token_format": "jwt",
    "enabled": True,
    "secret": "s" * 43,
    "status": "active",
}


def nobody_gives_themselves_what_is_the_operators(house: House, method: str, path: str, token: str) -> None:
    parts = house.world.parts
    headers = {"Authorization": f"Bearer {token}"}
    document: dict[str, object] = {"redirect_uris": ["https://registry.example/cb"], **OPERATORS}
    if method == "PUT":
        document["client_id"] = path.rpartition("/")[2]
    response = house.send(method, path, json=document, headers=headers)
    assert response.status_code in (200, 201), response.text
    with parts.database.read() as connection:
        registered = parts.clients.registered(connection, response.json()["client_id"])
    assert registered is not None
    client = registered.client
    assert (client.insecure_pkce_optional, client.serves, client.resources) == (False, frozenset(), frozenset())
    assert (client.access_token_format, client.id_token_claims, client.providers) == ("opaque", (), None)
    assert method == "PUT" or not client.first_party
    grants = {**document, "grant_types": ["client_credentials"], "redirect_uris": []}
    refused = house.send(method, path, json=grants, headers=headers)
    assert told(refused) == (400, "invalid_client_metadata")


Registering = Callable[[House, str, str, str], None]
