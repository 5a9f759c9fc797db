"""Any OpenID provider: against one that answers as it should not."""

import json
import logging
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from providers.catalog import OidcSettings
from providers.oidc import OpenIDProvider
from providers.provider import Ask, Fault, Identified, ProviderError, Redirect, Return
from tests.providers.flows import CALLBACK
from tests.providers.loopback import Handler, Server, serve
from tests.providers.tokens import EC, RSA, Members, good_claims, public, sign


def parameters(redirect: Redirect) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(redirect.url).query, strict_parsing=True))


@dataclass
class Issuer:
    """An OpenID provider that answers as a test says. ``...`` as a claim or member leaves it out."""

    server: Server | None = None
    metadata: Members = field(default_factory=dict)
    claims: Members = field(default_factory=dict)
    token: Members = field(default_factory=dict)
    userinfo: object = field(default_factory=dict)
    userinfo_status: int = 200
    nonce: str = ""
    body: bytes | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def answer(self, handler: Handler) -> None:
        match handler.path:
            case "/.well-known/openid-configuration":
                body: object = {
                    "issuer": self.url,
                    **{name: f"{self.url}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")},
                    **self.metadata,
                }
            case "/jwks_uri":
                body = {"keys": [public(RSA), public(EC, "e1")]}
            case "/userinfo":
                handler.reply(json.dumps(self.userinfo).encode(), self.userinfo_status)
                return
            case _:
                body = self.token_response()
        handler.reply(json.dumps(body).encode() if self.body is None else self.body)

    def token_response(self) -> Members:
        now = int(datetime.now(UTC).timestamp())
        times = {"iat": now, "exp": now + 300, "auth_time": now}
        claims = good_claims(iss=self.url, aud="client:id", nonce=self.nonce, **{**times, **self.claims})
        members = {
            "access_token": "the-access-token",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": sign(claims),
            **self.token,
        }
        return {name: value for name, value in members.items() if value is not ...}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    with serve(issuer.answer) as server:
        issuer.server = server
        yield issuer


def at(issuer: Issuer, **changes: Any) -> OpenIDProvider:
    members = {
        "name": "Generic",
        "client_id": "client:id",
        "client_secret": "s3 cret/%",
        "issuer": issuer.url,
        "accept_amr": {"mfa": "mfa"},
    }
    return OpenIDProvider("generic", OidcSettings.model_validate(members | changes), CALLBACK)


def complete(provider: OpenIDProvider, issuer: Issuer, **returned: str) -> Identified:
    redirect = provider.begin(Ask())
    issuer.nonce = str(redirect.flow["nonce"])
    back = Return(method="GET", parameters={"code": "the-code", "state": redirect.state, **returned})
    return provider.complete(redirect.flow, back, datetime.now(UTC))


def fault(provider: OpenIDProvider, issuer: Issuer, **returned: str) -> Fault:
    with pytest.raises(ProviderError) as caught:
        complete(provider, issuer, **returned)
    return caught.value.code


class TestOddAnswers:
    def test_a_client_proves_itself_in_the_header_encoded_as_the_standard_says(self, issuer: Issuer) -> None:
        complete(at(issuer), issuer)
        assert issuer.server is not None
        request = next(seen for seen in issuer.server.seen if seen.path == "/token_endpoint")
        sent = dict(parse_qsl(request.body.decode()))
        scheme, _, credentials = request.headers["authorization"].partition(" ")
        assert (scheme, b64decode(credentials)) == ("Basic", b"client%3Aid:s3+cret%2F%25")
        assert sent["code"] == "the-code"
        assert (sent["grant_type"], sent["redirect_uri"]) == ("authorization_code", CALLBACK)
        assert len(sent["code_verifier"]) == 43
        assert "client_secret" not in sent

    def test_or_in_the_body_where_the_provider_takes_it_only_there(self, issuer: Issuer) -> None:
        issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        complete(at(issuer), issuer)
        assert issuer.server is not None
        request = next(seen for seen in issuer.server.seen if seen.path == "/token_endpoint")
        sent = dict(parse_qsl(request.body.decode()))
        assert (sent["client_id"], sent["client_secret"]) == ("client:id", "s3 cret/%")
        assert "authorization" not in request.headers

    @pytest.mark.parametrize("algorithm, key, kid", [("ES256", EC, "e1"), ("PS256", RSA, "k1")])
    def test_a_pinned_algorithm_may_be_another(self, issuer: Issuer, algorithm: str, key: Any, kid: str) -> None:
        provider = at(issuer, algorithms=[algorithm])
        redirect = provider.begin(Ask())
        now = int(datetime.now(UTC).timestamp())
        claims = good_claims(
            iss=issuer.url, aud="client:id", nonce=redirect.flow["nonce"], iat=now, exp=now + 60, auth_time=now
        )
        issuer.token["id_token"] = sign(claims, key=key, alg=algorithm, kid=kid)
        back = Return(method="GET", parameters={"code": "the-code", "state": redirect.state})
        assert provider.complete(redirect.flow, back, datetime.now(UTC)).subject.id == "the-subject"

    @pytest.mark.parametrize(
        "members",
        [
            {"id_token": ...},
            {"id_token": None},
            {"id_token": 17},
            {"access_token": ...},
            {"token_type": "DPoP"},
            {"expires_in": "soon"},
            {"expires_at": "soon"},
            {"error": {"code": "invalid_grant"}},
        ],
    )
    def test_an_odd_token_response_is_invalid(self, issuer: Issuer, members: Members) -> None:
        issuer.token = members
        assert fault(at(issuer), issuer) == Fault.INVALID_RESPONSE

    def test_an_issuer_that_does_not_announce_iss_may_send_it_and_it_must_be_right(self, issuer: Issuer) -> None:
        assert complete(at(issuer), issuer).subject.issuer == issuer.url
        assert complete(at(issuer), issuer, iss=issuer.url).subject.issuer == issuer.url
        assert fault(at(issuer), issuer, iss="https://attacker.invalid") == Fault.INVALID_RESPONSE

    def test_both_ways_of_asking_are_used_where_only_one_is_announced(self, issuer: Issuer) -> None:
        sent = parameters(at(issuer, acr_values=["phr"]).begin(Ask(force_mfa=True)))
        assert sent["acr_values"] == "phr"
        assert json.loads(sent["claims"])["id_token"]["acr"] == {"essential": True, "values": ["phr"]}

    def test_a_max_age_that_was_not_met_is_refused(self, issuer: Issuer) -> None:
        issuer.claims["auth_time"] = int(datetime.now(UTC).timestamp()) - 500
        assert complete(at(issuer, max_age=600), issuer).authentication.auth_time is not None
        assert complete(at(issuer, max_age=400), issuer).authentication.auth_time is not None
        assert fault(at(issuer, max_age=300), issuer) == Fault.INVALID_RESPONSE

    def test_a_server_that_hangs_up_is_unavailable_and_no_error_holds_the_secret(self, issuer: Issuer) -> None:
        issuer.metadata["token_endpoint"] = "http://localhost:1/token"
        with pytest.raises(ProviderError) as caught:
            complete(at(issuer), issuer)
        assert caught.value.code == Fault.UNAVAILABLE
        assert caught.value.__context__ is None

    def test_t11_nothing_secret_is_logged(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        issuer.metadata["userinfo_endpoint"] = f"{issuer.url}/userinfo"
        complete(at(issuer), issuer)
        issuer.token = {"error": "invalid_grant"}
        fault(at(issuer), issuer)
        for secret in ("s3 cret/%", "s3+cret", "the-access-token", "the-code", "the-subject", issuer.nonce):
            assert secret not in caplog.text


class TestUserinfo:
    """OpenID Connect Core 5.3 and 5.4: a provider may keep the profile for its UserInfo endpoint."""

    @pytest.fixture(autouse=True)
    def _endpoint(self, issuer: Issuer) -> None:
        issuer.metadata["userinfo_endpoint"] = f"{issuer.url}/userinfo"
        issuer.userinfo = {
            "sub": "the-subject",
            "name": "Ada Author",
            "email": "ada@example.org",
            "email_verified": True,
            "amr": ["mfa"],
            "acr": "phr",
        }

    def test_the_profile_is_asked_for_where_the_id_token_has_none(self, issuer: Issuer) -> None:
        identified = complete(at(issuer), issuer)
        profile = identified.profile
        assert (profile.name, profile.email, profile.email_verified) == ("Ada Author", "ada@example.org", True)
        assert issuer.server is not None
        request = next(seen for seen in issuer.server.seen if seen.path == "/userinfo")
        assert request.headers["authorization"] == "Bearer the-access-token"

    def test_t2_it_is_never_evidence(self, issuer: Issuer) -> None:
        assert complete(at(issuer), issuer).authentication.evidence == ()

    def test_an_id_token_with_an_address_is_enough(self, issuer: Issuer) -> None:
        issuer.claims = {"email": "eva@example.org"}
        profile = complete(at(issuer), issuer).profile
        assert (profile.name, profile.email, profile.email_verified) == (None, "eva@example.org", False)
        assert issuer.server is not None
        assert issuer.server.count("/userinfo") == 0

    def test_the_name_of_the_id_token_goes_first(self, issuer: Issuer) -> None:
        issuer.claims = {"name": "Eva Editor"}
        assert complete(at(issuer), issuer).profile.name == "Eva Editor"

    @pytest.mark.parametrize(
        "odd", [{"sub": "another", "email": "eva@example.org"}, {"email": "eva@example.org"}, [], None, "x"]
    )
    def test_t3_what_is_of_another_subject_is_not_used(self, issuer: Issuer, odd: object) -> None:
        issuer.userinfo = odd
        assert complete(at(issuer), issuer).profile.email is None

    @pytest.mark.parametrize("status", [401, 302, 500])
    def test_its_trouble_refuses_nobody(self, issuer: Issuer, status: int) -> None:
        issuer.userinfo_status = status
        assert complete(at(issuer), issuer).profile.email is None

    def test_its_silence_refuses_nobody(self, issuer: Issuer) -> None:
        issuer.metadata["userinfo_endpoint"] = "http://localhost:1/userinfo"
        assert complete(at(issuer), issuer).profile.email is None
