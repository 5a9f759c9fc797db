"""Which tokens open the API, and what is said to whoever comes with another one."""

import hashlib
import secrets
from datetime import timedelta
from typing import Literal

import pytest
import requests

from broker.oidc.clients import Client
from broker.oidc.scopes import MANAGE, OPERATE, READ
from broker.registry import stepup
from tests.management.estate import DPOP_PROGRAM, LESS, PROGRAM, RESOURCE, SCOPE, Estate, access_token
from tests.oidc.jose.samples import base64url
from tests.oidc.jose.samples import jwt as signed
from tests.oidc.kinds import post
from tests.organizations import organization, signed_in
from tests.security.table import dpop
from tests.world import CALLBACK, TIMEOUT, Arrival

LIST = "/api/organizations"


def presented(estate: Estate, token: str, method: str = "GET", path: str = LIST, **more: object) -> requests.Response:
    """Call with any token."""
    return estate.call(None, method, path, headers={"Authorization": f"Bearer {token}"}, **more)


def test_without_a_token_the_challenge_says_how_to_come(managed: Estate) -> None:
    response = managed.call(None, "GET", LIST)
    managed.refused(response, 401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="vestibule", DPoP algs="ES256 PS256 EdDSA"'


def test_a_token_that_is_none_is_invalid(managed: Estate) -> None:
    response = presented(managed, "vat_nonsense")
    managed.refused(response, 401, "invalid_token")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "scope, method, path",
    [
        (MANAGE, "GET", LIST),
        (READ, "POST", LIST),
        (f"{READ} {MANAGE}", "GET", "/api/operator/requests"),
        (OPERATE, "GET", LIST),
    ],
)
def test_t5_a_token_opens_what_its_scopes_say_and_nothing_else(
    managed: Estate, scope: str, method: str, path: str
) -> None:
    token = access_token(managed.people["operator"], scope=f"openid {scope}")
    response = presented(managed, token, method, path)
    managed.refused(response, 403, "insufficient_scope")
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def test_t5_a_client_without_the_scopes_gets_no_token_of_them(managed: Estate) -> None:
    token = access_token(managed.people["admin"], LESS)
    managed.refused(presented(managed, token), 403, "insufficient_scope")


def test_t5_a_token_for_another_resource_is_not_for_us(managed: Estate) -> None:
    token = access_token(managed.people["admin"], resource=RESOURCE)
    managed.refused(presented(managed, token), 403, "insufficient_scope")


def test_t5_a_clients_own_token_is_nobodys(managed: Estate) -> None:
    token = post(managed.world, "/token", "machine", grant_type="client_credentials").json()["access_token"]
    managed.refused(presented(managed, token), 403, "insufficient_scope")


def test_a_token_in_the_url_is_refused(managed: Estate) -> None:
    response = managed.call(None, "GET", LIST, params={"access_token": managed.tokens["admin"]})
    managed.refused(response, 400, "invalid_request")


def test_t10_a_token_in_a_form_changes_nothing(managed: Estate) -> None:
    """What a page of another site could have a browser post."""
    before = managed.written()
    path = f"{LIST}/{managed.organization.id}/leave"
    response = managed.call(None, "POST", path, data={"access_token": managed.tokens["admin"]})
    managed.refused(response, 415, "unsupported_media_type")
    assert managed.written() == before


def proof(estate: Estate, method: str, path: str, nonce: str | None, token: str | None = None) -> dict[str, str]:
    """Return the header that proves the program's key (RFC 9449)."""
    said = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": f"{estate.world.base}{path}",
        "iat": int(estate.world.clock().timestamp()),
        "nonce": nonce,
        "ath": base64url(hashlib.sha256(token.encode()).digest()) if token is not None else None,
    }
    claims = {name: value for name, value in said.items() if value is not None}
    return {"DPoP": signed(claims, key=dpop.KEY, **dpop.HEADER)}


def bound_token(estate: Estate) -> tuple[str, str]:
    """Return a token of the admin's that is bound to a key, and the nonce for the next proof."""
    world, visitor = estate.world, estate.people["admin"].visitor
    request = world.registry(DPOP_PROGRAM).request(scope=SCOPE)
    arrived = visitor.walk(visitor.authorize(request))
    assert isinstance(arrived, Arrival)
    form = {
        "grant_type": "authorization_code",
        "code": arrived.code,
        "redirect_uri": CALLBACK,
        "code_verifier": request.verifier,
    }
    nonce = post(world, "/token", DPOP_PROGRAM, proof(estate, "POST", "/token", None), **form).headers["DPoP-Nonce"]
    answer = post(world, "/token", DPOP_PROGRAM, proof(estate, "POST", "/token", nonce), **form)
    assert answer.json()["token_type"] == "DPoP", answer.text
    return answer.json()["access_token"], nonce


def test_a_token_bound_to_a_key_takes_its_proof_every_time(managed: Estate) -> None:
    token, nonce = bound_token(managed)
    managed.refused(presented(managed, token), 401, "invalid_token")
    path = f"{LIST}/{managed.organization.id}"
    for method, status in (("GET", 200), ("PATCH", 400)):
        headers = {"Authorization": f"DPoP {token}", **proof(managed, method, path, nonce, token)}
        response = managed.call(None, method, path, headers=headers)
        assert response.status_code == status, response.text
        assert response.headers["DPoP-Nonce"]
        managed.refused(managed.call(None, method, path, headers=headers), 401, "invalid_dpop_proof")


def test_whoever_steps_up_with_a_bound_token_is_told_so_in_its_scheme(managed: Estate) -> None:
    token, _ = bound_token(managed)
    managed.world.clock.move(timedelta(minutes=11))
    path = f"{LIST}/{managed.organization.id}"
    headers = {"Authorization": f"DPoP {token}"}
    nonce = managed.call(None, "PATCH", path, headers=headers).headers["DPoP-Nonce"]
    stale = managed.call(None, "PATCH", path, headers={**headers, **proof(managed, "PATCH", path, nonce, token)})
    managed.refused(stale, 401, stepup.ERROR)
    assert stale.headers["WWW-Authenticate"].startswith("DPoP ")


def test_a_client_steps_up_by_what_the_challenge_says(managed: Estate) -> None:
    """RFC 9470: from the refusal to the change, as a program does it, for somebody who signed in hours ago."""
    person = signed_in(managed.world, "entra-stale", "entra")
    path = f"{LIST}/{organization(managed.world, person, 'Stale').id}"
    refused = presented(managed, access_token(person), "PATCH", path, json={"name": "Renewed"})
    managed.refused(refused, 401, stepup.ERROR)
    challenge = stepup.parse(refused.headers["WWW-Authenticate"])
    assert challenge is not None
    assert challenge.max_age == 600
    registry = managed.world.registry(PROGRAM)
    asked = registry.request(scope=SCOPE, provider="entra", **challenge.parameters())
    arrived = person.visitor.walk(person.visitor.authorize(asked), "entra-stale")
    fresh = str(registry.redeem(arrived, asked).response["access_token"])
    assert presented(managed, fresh, "PATCH", path, json={"name": "Renewed"}).status_code == 204
    assert presented(managed, fresh, path=path).json()["name"] == "Renewed"


def test_t8_a_token_ends_with_its_session(managed: Estate) -> None:
    person = signed_in(managed.world, "entra-when-forced", "entra")
    token = access_token(person)
    assert presented(managed, token).status_code == 200
    person.visitor.submit("/signout")
    managed.refused(presented(managed, token), 401, "invalid_token")


def test_t4_a_token_whose_account_is_closed_opens_nothing(managed: Estate) -> None:
    person = signed_in(managed.world, "entra-when-forced", "entra")
    token, account_id, parts = access_token(person), person.account_id, managed.world.parts
    order: tuple[tuple[Literal["active", "disabled"], int], ...] = (("disabled", 401), ("active", 200))
    for status, answered in order:
        with parts.database.begin() as connection:
            parts.accounts.set_status(connection, account_id, status)
        assert presented(managed, token).status_code == answered


def test_t4_a_token_whose_provider_the_client_does_not_take_any_more_opens_nothing(
    managed: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "allows", lambda _, provider_id: provider_id != "entra")
    managed.refused(managed.call("admin", "GET", LIST), 401, "invalid_token")
    assert managed.call("suspended", "GET", LIST).status_code == 200


def test_a_preflight_of_another_origin_is_told_nothing(managed: Estate) -> None:
    """No page of another site reads an answer, whatever token it has."""
    response = requests.options(f"{managed.world.base}{LIST}", headers={"Origin": "https://x.example"}, timeout=TIMEOUT)
    assert not any(name.lower().startswith("access-control") for name in response.headers)
