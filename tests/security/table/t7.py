"""T7: what is good for one use is good for one, and for whom it was given to; see also tests/oidc/test_races.py."""

from collections.abc import Callable

import requests

from providers.standins import browser as upstream
from tests.accounts.test_account_pages import link_in, mails
from tests.security.table import dpop
from tests.security.table.house import ASSERTION_TYPE, House
from tests.security.table.places import Check, has_code
from tests.security.table.t8 import pushed, told
from tests.security.table.t9_clients import bound_service_token, bound_token
from tests.world import CALLBACK, Page, Visitor, arrival

# Codes and tokens.


def a_code(house: House) -> None:
    userinfo = house.world.registry().userinfo
    form = house.code_form("basic")
    first = house.call("/token", "basic", form).json()
    assert userinfo(first["access_token"]).status_code == 200
    assert told(house.call("/token", "basic", form)) == (400, "invalid_grant")
    # Whoever came first may have been the thief.
    assert userinfo(first["access_token"]).status_code == 401
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert told(house.call("/token", "basic", again)) == (400, "invalid_grant")
    # Another client's attempt uses it up, and so does one with another verifier.
    for client_id, changes in (("post", {}), ("public", {}), ("basic", {"code_verifier": "v" * 43})):
        form = house.code_form("basic")
        assert told(house.call("/token", client_id, {**form, **changes})) == (400, "invalid_grant")
        assert told(house.call("/token", "basic", form)) == (400, "invalid_grant")


def a_refresh_token(house: House) -> None:
    for client_id in ("basic", "public"):
        form = house.grant_form("refresh_token", client_id)
        assert told(house.call("/token", "post", form)) == (400, "invalid_grant"), "another client's"
        second = house.call("/token", client_id, form).json()
        # It had a successor, and so has that: no accident can be the reason that it comes again.
        third = house.call("/token", client_id, {**form, "refresh_token": second["refresh_token"]}).json()
        assert told(house.call("/token", client_id, form)) == (400, "invalid_grant")
        last = {**form, "refresh_token": third["refresh_token"]}
        assert told(house.call("/token", client_id, last)) == (400, "invalid_grant"), "the family has ended"
        assert house.world.registry().userinfo(third["access_token"]).status_code == 401


def a_device_code(house: House) -> None:
    form = house.grant_form("urn:ietf:params:oauth:grant-type:device_code", "basic")
    for client_id in ("post", "public"):
        assert told(house.call("/token", client_id, form)) == (400, "invalid_grant"), "another client's"
    assert house.call("/token", "basic", form).status_code == 200
    assert told(house.call("/token", "basic", form)) == (400, "invalid_grant")


# What clients sign.


def an_assertion(path: str, **given: str) -> Check:
    """One use, here or anywhere."""
    form = {"extra": "foobar", **given}

    def check(house: House) -> None:
        for elsewhere in (path, "/par", "/revoke"):
            fields = {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": house.assertion("signer")}
            assert house.send("POST", path, data=fields).status_code != 401
            assert told(house.send("POST", elsewhere, data=fields)) == (401, "invalid_client"), elsewhere

    return check


def a_proof(send: Callable[[House, str], requests.Response], method: str, path: str, *, token: bool = False) -> Check:
    def check(house: House) -> None:
        of = None
        if token:
            of = (bound_token if path == "/userinfo" else bound_service_token)(house)
        proof = dpop.proof(house, method, path, of)
        assert send(house, proof).status_code < 300
        again = send(house, proof)
        assert again.status_code in (400, 401)
        assert again.json()["error"] == "invalid_dpop_proof"

    return check


# The authorization endpoint, and what people answer.


def a_pushed_request(house: House) -> None:
    """RFC 9126 section 7.3: a reload before the code is issued works, and nothing after it."""
    asked = {"client_id": "pushing", "request_uri": pushed(house, "pushing")}
    stranger = house.world.visitor()
    refused = arrival(stranger.get("/authorize", params=asked).headers["Location"])
    assert refused.parameters["error"] == "login_required"
    assert has_code(house.authorize(asked))
    for visitor in (house.person, stranger):
        again = visitor.get("/authorize", params=asked)
        assert (again.status_code, "Location" in again.headers) == (400, False)


def asked_for_consent(house: House) -> Page:
    """Return the page that asks for consent."""
    person = house.person
    page = person.walk(person.authorize(house.request("third", prompt="consent")))
    assert isinstance(page, Page)
    assert "/consent/" in page.url
    return page


def a_consent(house: House) -> None:
    for first, second in (("allow", "allow"), ("allow", "deny"), ("deny", "allow")):
        page = asked_for_consent(house)
        fields = {"csrf_token": page.form_token()}
        before = house.person.post(page.url, {**fields, "answer": first})
        assert "code=" in before.text + before.headers.get("Location", "") or first == "deny"
        after = house.person.post(page.url, {**fields, "answer": second})
        assert after.status_code == 400
        assert "code=" not in after.text
        assert house.person.get(page.url).status_code == 400


def a_device_question(house: House) -> None:
    for first, second in (("allow", "deny"), ("deny", "allow")):
        codes = house.device("public")
        page = house.question(codes)
        fields = {"csrf_token": page.form_token()}
        assert house.person.post(page.url, {**fields, "answer": first}).status_code == 200
        assert house.person.post(page.url, {**fields, "answer": second}).status_code == 400
        assert house.person.get(page.url).status_code == 400
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": codes["device_code"]}
        assert (house.call("/token", "public", form).status_code == 200) is (first == "allow")


def a_user_code(house: House) -> None:
    codes = house.device("public")
    page = house.question(codes)
    house.person.post(page.url, {"csrf_token": page.form_token(), "answer": "deny"})
    late = house.person.submit("/device", {"user_code": codes["user_code"]}, page="/device")
    assert late.status_code == 400


def upstream_url(house: House, visitor: Visitor, provider: str, client_id: str = "basic") -> str:
    """Go as far as the redirect to a provider."""
    response = visitor.authorize(house.request(client_id, provider=provider, prompt="select_account"))
    while response.headers["Location"].startswith("/"):
        response = visitor.get(response.headers["Location"])
    return response.headers["Location"]


def a_return_by_form(house: House) -> None:
    visitor = house.world.visitor()
    returned = upstream.sign_in(upstream_url(house, visitor, "entra"), "entra-mfa")
    assert returned.method == "POST"
    relayed, other = (visitor.come_back(returned).headers["Location"] for _ in range(2))
    assert has_code(visitor.get(relayed))
    for location in (relayed, other, visitor.come_back(returned).headers["Location"]):
        assert visitor.get(location).status_code == 400


def a_return(house: House) -> None:
    visitor = house.world.visitor()
    returned = upstream.sign_in(upstream_url(house, visitor, "github"), "2fa-true")
    assert returned.method == "GET"
    assert has_code(visitor.come_back(returned))
    assert visitor.come_back(returned).status_code == 400


def a_transaction(house: House) -> None:
    """Whoever gives up has given up, and whoever is through is through."""
    visitor = house.world.visitor()
    path = visitor.authorize(house.request("basic")).headers["Location"]
    leave = path.replace("/signin/", "/leave/")
    assert visitor.get(leave).headers["Location"].startswith(CALLBACK)
    for each in (leave, path, f"{path}/github", path.replace("/signin/", "/work/")):
        assert visitor.get(each).status_code == 400
    looked_up = visitor.submit(path.replace("/signin/", "/work/"), {"work": "contoso.example"}, page="/device")
    assert looked_up.status_code == 400


def an_email_link(house: House) -> None:
    visitor = house.visitor("oidc-mfa", "generic")
    asked = visitor.submit("/account/email", {"email": "another@elsewhere.example"})
    assert asked.status_code == 303
    (url,) = {link_in(message) for message in mails(house.world, house.folder)}
    token = url.partition("token=")[2]
    statuses = [visitor.submit("/account/email/confirm", {"token": token}, page=url).status_code for _ in range(2)]
    assert statuses == [200, 400]
