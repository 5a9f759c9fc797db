"""The Microsoft stand-in to MSAL, the client that the broker uses."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import msal
import pytest
import requests

from providers.standins import CONTOSO, EVIDENCE_SCOPE, OPERATOR, Standins
from providers.standins.browser import Returned, sign_in

from .certificate import Certificate
from .flows import CALLBACK, Client, unverified


class _NullCache(msal.TokenCache):  # type: ignore[misc] # msal has no types
    def add(self, event: dict[str, Any], now: float | None = None) -> None:
        return


class Msal:
    """MSAL as the broker would set it up."""

    def __init__(self, standins: Standins, session: requests.Session) -> None:
        self._standins = standins
        self._session = session

    def app(self, tenant: str, client_id: str, credential: object) -> Any:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            authority=f"{self._standins.backchannel_url}/{tenant}",
            instance_discovery=False,
            http_client=self._session,
            token_cache=_NullCache(),
            exclude_scopes=["offline_access"],
        )

    def sign_in(self, app: Any, persona: str, scopes: list[str], *, more: str = "", **options: Any) -> dict[str, Any]:
        flow = app.initiate_auth_code_flow(scopes, redirect_uri=CALLBACK, response_mode="form_post", **options)
        returned = sign_in(flow["auth_uri"] + more, persona)
        assert returned.method == "POST"
        result: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, returned.parameters)
        return result


@pytest.fixture
def client_of(standins: Standins) -> Iterator[Msal]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(standins.ca_file)
        session.request = partial(session.request, timeout=(3.05, 10))  # type: ignore[method-assign] # as advised
        yield Msal(standins, session)


MFA_ONLY = "&acr_values=urn%3Amicrosoft%3Apolicies%3Amfa"


def personal(client_of: Msal, standins: Standins) -> Any:
    registration = standins.registration("microsoft_account")
    return client_of.app("consumers", registration.client_id, registration.client_secret)


def work(client_of: Msal, standins: Standins, tenant: str = "organizations") -> Any:
    registration = standins.registration("entra")
    return client_of.app(tenant, registration.client_id, registration.client_secret)


def test_msal_signs_a_personal_account_in_and_acr_says_mfa(client_of: Msal, standins: Standins) -> None:
    result = client_of.sign_in(personal(client_of, standins), "msa-mfa", ["email"], more=MFA_ONLY)
    assert result["id_token_claims"]["acr"] == "urn:microsoft:policies:mfa"
    assert "refresh_token" not in result


def test_msal_signs_a_work_account_in_and_the_access_token_carries_amr(client_of: Msal, standins: Standins) -> None:
    result = client_of.sign_in(work(client_of, standins), "entra-mfa", [EVIDENCE_SCOPE])
    assert unverified(result["access_token"])["amr"] == ["pwd", "mfa"]
    assert "amr" not in result["id_token_claims"]


def test_msal_signs_a_guest_in_at_one_tenant(client_of: Msal, standins: Standins) -> None:
    result = client_of.sign_in(work(client_of, standins, OPERATOR), "entra-msa-guest", [EVIDENCE_SCOPE])
    assert result["id_token_claims"]["tid"] == OPERATOR
    assert result["id_token_claims"]["idp"] == "live.com"


def test_msal_proves_itself_with_a_certificate(client_of: Msal, client: Client, certificate: Certificate) -> None:
    registration = client.registration("entra", "33333333-4444-4555-8666-777777777777")
    credential = {"private_key": certificate.private_pem, "public_certificate": certificate.public_pem}
    app = client_of.app(CONTOSO, registration.client_id, credential)
    result = client_of.sign_in(app, "entra-mfa", [EVIDENCE_SCOPE])
    assert unverified(result["access_token"])["appidacr"] == "2"


def test_msal_is_refused_with_another_certificate(client_of: Msal) -> None:
    other = Certificate.make()
    credential = {"private_key": other.private_pem, "public_certificate": other.public_pem}
    app = client_of.app(CONTOSO, "33333333-4444-4555-8666-777777777777", credential)
    result = client_of.sign_in(app, "entra-mfa", [EVIDENCE_SCOPE])
    assert (result["error"], result["error_codes"]) == ("invalid_client", [700027])


def test_msal_finds_the_auth_time_fresh_when_it_sent_max_age(client_of: Msal, standins: Standins) -> None:
    result = client_of.sign_in(personal(client_of, standins), "msa-stale", ["email"], max_age=300)
    assert result["id_token_claims"]["auth_time"] == result["id_token_claims"]["iat"]


def test_msal_gets_the_claims_that_aadsts50076_wants_and_signs_in_with_them(
    client_of: Msal, standins: Standins
) -> None:
    app = work(client_of, standins)
    first = client_of.sign_in(app, "entra-mfa-demanded", [EVIDENCE_SCOPE])
    assert (first["error"], first["error_codes"], first["suberror"]) == ("invalid_grant", [50076], "basic_action")
    second = client_of.sign_in(app, "entra-mfa-demanded", [EVIDENCE_SCOPE], claims_challenge=first["claims"])
    assert unverified(second["access_token"])["amr"] == ["pwd", "mfa"]


@pytest.mark.parametrize(
    "persona,error,number",
    [
        ("entra-declines", "access_denied", "AADSTS65004"),
        ("entra-no-factor", "interaction_required", "AADSTS50079"),
        ("entra-blocked", "access_denied", "AADSTS53003"),
        ("entra-admin-consent", "access_denied", "AADSTS90094"),
    ],
)
def test_msal_gets_the_error_of_a_sign_in_that_ended_at_microsoft(
    client_of: Msal, standins: Standins, persona: str, error: str, number: str
) -> None:
    result = client_of.sign_in(work(client_of, standins), persona, [EVIDENCE_SCOPE])
    assert result["error"] == error
    assert result["error_description"].startswith(f"{number}: ")


def test_msal_refuses_another_state(client_of: Msal, standins: Standins) -> None:
    standins.toggles.set("wrong_state", "microsoft")
    with pytest.raises(ValueError, match="state"):
        client_of.sign_in(work(client_of, standins), "entra-mfa", [EVIDENCE_SCOPE])


def test_msal_refuses_another_nonce(client_of: Msal, standins: Standins) -> None:
    standins.toggles.set("wrong_nonce", "microsoft")
    with pytest.raises(RuntimeError, match="nonce"):
        client_of.sign_in(work(client_of, standins), "entra-mfa", [EVIDENCE_SCOPE])


def test_a_late_return_is_expired(client_of: Msal, standins: Standins) -> None:
    app = work(client_of, standins)
    flow = app.initiate_auth_code_flow([EVIDENCE_SCOPE], redirect_uri=CALLBACK, response_mode="form_post")
    returned: Returned = sign_in(flow["auth_uri"], "entra-mfa")
    standins.expire_codes()
    result = app.acquire_token_by_auth_code_flow(flow, returned.parameters)
    assert result["error_codes"] == [70008]
