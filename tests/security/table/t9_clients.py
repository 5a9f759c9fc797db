"""T9: what clients sign. Assertions, request objects and proofs of a key, each shown forged wherever it is taken."""

from collections.abc import Callable, Mapping

import requests

from tests.oidc.jose.samples import EC, OTHER_EC, Members, public
from tests.security.table import dpop, kinds
from tests.security.table.forgeries import BY_KID, FORGERIES, OWN_KEY, STRICTLY, Lie, Specimen
from tests.security.table.house import ASSERTION_TYPE, KID, House
from tests.security.table.places import Check, Lies, Place, Sent, has_code, status

# Client assertions (RFC 7523 section 3).


def client_assertion(path: str, accepted: Callable[[requests.Response], bool], **form: str) -> Check:
    def specimen(house: House) -> Specimen:
        return Specimen(header={"kid": KID}, claims=house.assertion_claims("signer"), key=EC)

    def send(house: House, token: str) -> requests.Response:
        fields = {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
        return house.send("POST", path, data=fields)

    forgeries = {**FORGERIES, **OWN_KEY, **STRICTLY, **BY_KID}
    return Place(
        takes={kinds.ASSERTION},
        specimen=specimen,
        send=send,
        accepted=accepted,
        forgeries=forgeries,
        lies=_lies_of_assertions(path),
    ).check


def _lies_of_assertions(path: str) -> Lies:
    def lies(house: House) -> Mapping[str, Lie]:
        now = house.now()
        claims: Mapping[str, Members] = {
            "iss of another": {"iss": "post"},
            "no iss": {"iss": ...},
            "sub of another": {"sub": "post"},
            "another client by both": {"iss": "basic", "sub": "basic"},
            "no sub": {"sub": ...},
            "aud of the endpoint": {"aud": f"{house.base}{path}"},
            "aud of the token endpoint": {"aud": f"{house.base}/token"},
            "aud with a slash": {"aud": f"{house.base}/"},
            "aud in a list": {"aud": [house.base]},
            "aud of several": {"aud": [house.base, "https://attacker.example"]},
            "aud of another": {"aud": "https://attacker.example"},
            "no aud": {"aud": ...},
            "no jti": {"jti": ...},
            "empty jti": {"jti": ""},
            "jti without end": {"jti": "x" * 300},
            "jti that is a number": {"jti": 1},
            "exp far away": {"exp": now + 86_400},
            **_lies_about_time(now),
        }
        types = ("at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt", "", 1)
        return {
            **{name: ({}, changes) for name, changes in claims.items()},
            **{f"typ {typ!r}": ({"typ": typ}, {}) for typ in types},
        }

    return lies


def _lies_about_time(now: int) -> Mapping[str, Members]:
    return {
        "no exp": {"exp": ...},
        "exp past": {"exp": now - 60},
        "exp as text": {"exp": str(now + 60)},
        "exp that is true": {"exp": True},
        "exp that is no number": {"exp": float("nan")},
        "exp without end": {"exp": float("inf")},
        "exp below zero": {"exp": -1},
        "nbf to come": {"nbf": now + 120},
        "nbf as text": {"nbf": "0"},
        "iat to come": {"iat": now + 120},
    }


# Request objects (RFC 9101).


def request_object(*, pushed: bool) -> Check:
    def send(house: House, token: str) -> requests.Response:
        if pushed:
            return house.call("/par", "signing", {"request": token})
        # What stands beside it does not count (RFC 9101 section 6.3), however good.
        beside = house.request("signing", prompt="none").parameters
        return house.authorize({**beside, "request": token})

    forgeries = {**FORGERIES, **OWN_KEY, **STRICTLY, **BY_KID}
    accepted = status(201) if pushed else has_code
    return Place(
        takes={kinds.REQUEST_OBJECT},
        specimen=kinds.request_object,
        send=send,
        accepted=accepted,
        forgeries=forgeries,
        lies=_lies_of_requests,
    ).check


def _lies_of_requests(house: House) -> Mapping[str, Lie]:
    now = house.now()
    claims: Mapping[str, Members] = {
        "iss of another": {"iss": "basic"},
        "no iss": {"iss": ...},
        "client_id of another": {"client_id": "basic"},
        "no client_id": {"client_id": ...},
        "sub of the client": {"sub": "signing"},
        "aud of another": {"aud": "https://attacker.example"},
        "no aud": {"aud": ...},
        "exp far away": {"exp": now + 86_400},
        "no nbf": {"nbf": ...},
        "nbf long ago": {"nbf": now - 7200},
        "a request in the request": {"request": "x.y.z"},
        "a request by reference": {"request_uri": "https://attacker.example/r"},
        "no redirect_uri": {"redirect_uri": ...},
        "no challenge": {"code_challenge": ...},
        "challenge in the open": {"code_challenge_method": "plain"},
        "a parameter that is an object": {"state": {}},
        "scope in a list": {"scope": ["openid"]},
        **_lies_about_time(now),
    }
    types = ("at+jwt", "dpop+jwt", "client-authentication+jwt", "logout+jwt", "", 1)
    return {
        **{name: ({}, changes) for name, changes in claims.items()},
        **{f"typ {typ!r}": ({"typ": typ}, {}) for typ in types},
    }


# Proofs of a key (RFC 9449).


def key_proof(method: str, path: str, send: Sent, good: int, *, of: Callable[[House], str] | None = None) -> Check:
    """``of``: the access token that the proof comes with."""

    def specimen(house: House) -> Specimen:
        said = dpop.claims(house, method, path, of(house) if of else None)
        return Specimen(header=dpop.HEADER, claims=said, key=dpop.KEY)

    def lies(house: House) -> Mapping[str, Lie]:
        return _lies_of_proofs(house, with_token=of is not None)

    forgeries = {**FORGERIES, **STRICTLY}
    return Place(
        takes={kinds.PROOF},
        specimen=specimen,
        send=send,
        accepted=status(good),
        forgeries=forgeries,
        lies=lies,
    ).check


def _lies_of_proofs(house: House, *, with_token: bool) -> Mapping[str, Lie]:
    now = house.now()
    claims: dict[str, Members] = {
        "htm of another method": {"htm": "PATCH"},
        "no htm": {"htm": ...},
        "htu of another endpoint": {"htu": f"{house.base}/elsewhere"},
        "htu of another server": {"htu": "https://attacker.example/token"},
        "htu with a name before it": {"htu": f"http://x@{house.base.removeprefix('http://')}/token"},
        "no htu": {"htu": ...},
        "iat long ago": {"iat": now - 3600},
        "iat to come": {"iat": now + 3600},
        "no iat": {"iat": ...},
        "iat as text": {"iat": str(now)},
        "no jti": {"jti": ...},
        "jti without end": {"jti": "x" * 300},
        "no nonce": {"nonce": ...},
        "nonce of somebody": {"nonce": "x" * 24},
    }
    if with_token:
        claims |= {"ath of another token": {"ath": "x" * 43}, "no ath": {"ath": ...}}
    private = dpop.KEY.as_dict(private=True)
    headers: Mapping[str, Members] = {
        "no jwk": {"jwk": ...},
        "jwk of another key": {"jwk": public(OTHER_EC, kid=...)},
        "jwk that is private": {"jwk": private},
        "jwk that is symmetric": {"jwk": {"kty": "oct", "k": "AAAA"}},
        "jwk that is text": {"jwk": "x"},
        **{f"typ {typ!r}": {"typ": typ} for typ in ("JWT", "at+jwt", "", ..., 1)},
    }
    return {
        **{name: ({}, changes) for name, changes in claims.items()},
        **{name: (changes, {}) for name, changes in headers.items()},
    }


def proof_with_form(path: str, **form: str) -> Sent:
    def send(house: House, token: str) -> requests.Response:
        given = house.request("bound", prompt="none").parameters if path == "/par" else form
        return house.call(path, "bound", given, {"DPoP": token})

    return send


def bound_token(house: House) -> str:
    """Return an access token, bound to a key, of somebody."""
    token: str = house.once(_bound_tokens)["access_token"]
    return token


def bound_service_token(house: House) -> str:
    """Return one of a client for itself."""
    token: str = house.once(_bound_service)["access_token"]
    return token


def _bound_tokens(house: House) -> object:
    form = house.code_form("bound-signer")
    return house.call("/token", "bound-signer", form, {"DPoP": dpop.proof(house, "POST", "/token")}).json()


def _bound_service(house: House) -> object:
    form = {"grant_type": "client_credentials"}
    return house.call("/token", "bound", form, {"DPoP": dpop.proof(house, "POST", "/token")}).json()


def proof_with_token(method: str, path: str, of: Callable[[House], str], **form: str) -> Sent:
    def send(house: House, token: str) -> requests.Response:
        headers = {"Authorization": f"DPoP {of(house)}", "DPoP": token}
        return house.send(method, path, headers=headers, data=form or None)

    return send


def proof_with_json(path: str, of: Callable[[House], str]) -> Sent:
    def send(house: House, token: str) -> requests.Response:
        return house.send("POST", path, headers={"Authorization": f"DPoP {of(house)}", "DPoP": token}, json={})

    return send


def keys_of_a_client_are_public(house: House, method: str, path: str, token: str) -> None:
    """Registration takes no key that could sign in the client's place."""
    for key in (
        EC.as_dict(private=True),
        {"kty": "oct", "k": "A" * 43},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    ):
        document: Members = {"redirect_uris": ["https://registry.example/cb"], "jwks": {"keys": [key]}}
        if method == "PUT":
            document["client_id"] = path.rpartition("/")[2]
        response = house.send(method, path, json=document, headers={"Authorization": f"Bearer {token}"})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")
