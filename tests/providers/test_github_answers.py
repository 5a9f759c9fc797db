"""GitHub: against a server that answers as GitHub never should."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import trustme

from providers.catalog import GitHubSettings
from providers.github import GitHub
from providers.provider import Ask, Fault, Identified, ProviderError, Return
from tests.providers.flows import CALLBACK
from tests.providers.loopback import Handler, Server, serve, trust

TOKEN = "gho_the-token-itself"
SECRET = "the-secret-itself"


@dataclass
class Odd:
    """A GitHub that answers as a test says: bodies by path, or (status, body, headers)."""

    answers: dict[str, tuple[int, object, Mapping[str, str]]] = field(default_factory=dict)

    def answer(self, handler: Handler) -> None:
        path = "/token/deleted" if handler.command == "DELETE" else handler.path.partition("?")[0]
        status, body, headers = self.answers.get(path, (404, {}, {}))
        handler.reply(body if isinstance(body, bytes) else json.dumps(body).encode(), status, **headers)


@pytest.fixture
def odd() -> Odd:
    user = {"login": "octocat", "id": 1, "type": "User", "two_factor_authentication": True}
    return Odd(
        {
            "/token": (200, {"access_token": TOKEN, "token_type": "bearer", "scope": "user"}, {}),
            "/api/user": (200, user, {}),
            "/api/user/emails": (200, [], {}),
            "/token/deleted": (204, b"", {}),
        }
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(odd: Odd, authority: trustme.CA) -> Iterator[Server]:
    with serve(odd.answer, authority=authority) as server:
        yield server


@pytest.fixture
def provider(server: Server, authority: trustme.CA, tmp_path: Path) -> GitHub:
    settings = GitHubSettings.model_validate(
        {
            "name": "GitHub",
            "client_id": "client",
            "client_secret": SECRET,
            "ca_bundle": trust(authority, tmp_path),
            "token_url": f"{server.url}/token",
            "api_url": f"{server.url}/api",
        }
    )
    return GitHub("github", settings, CALLBACK)


def complete(provider: GitHub) -> Identified:
    redirect = provider.begin(Ask())
    returned = Return(method="GET", parameters={"code": "the-code", "state": redirect.state})
    return provider.complete(redirect.flow, returned, datetime.now(UTC))


def fault(provider: GitHub) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        complete(provider)
    return caught.value


class TestOddAnswers:
    def test_it_sends_what_github_documents(self, provider: GitHub, server: Server) -> None:
        complete(provider)
        token, user, _emails, deleted = server.seen
        sent = dict(parse_qsl(token.body.decode()))
        assert (sent["client_id"], sent["client_secret"], sent["code"]) == ("client", SECRET, "the-code")
        assert (sent["grant_type"], sent["redirect_uri"]) == ("authorization_code", CALLBACK)
        assert len(sent["code_verifier"]) == 43
        assert token.headers["accept"] == "application/json"
        assert user.headers["authorization"] == f"Bearer {TOKEN}"
        assert user.headers["x-github-api-version"] == "2022-11-28"
        assert (deleted.method, deleted.path) == ("DELETE", "/api/applications/client/token")
        assert deleted.headers["authorization"].startswith("Basic ")
        assert json.loads(deleted.body) == {"access_token": TOKEN}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"access_token=gho_x&token_type=bearer",
            [],
            "text",
            17,
            None,
            {},
            {"access_token": TOKEN},
            {"access_token": TOKEN, "token_type": "mac"},
            {"access_token": TOKEN, "token_type": 1},
            {"access_token": 1, "token_type": "bearer"},
            {"access_token": "", "token_type": "bearer"},
            {"access_token": "two words", "token_type": "bearer"},
            {"access_token": "line\nbreak", "token_type": "bearer"},
            {"access_token": TOKEN, "token_type": "bearer", "scope": ["user"]},
            {"access_token": TOKEN, "token_type": "bearer", "expires_in": "soon"},
            {"access_token": TOKEN, "token_type": "bearer", "expires_in": None},
            {"access_token": TOKEN, "token_type": "bearer", "expires_in": -1},
            {"access_token": TOKEN, "token_type": "bearer", "expires_at": []},
            b'{"access_token":"a","token_type":"bearer","expires_in":NaN}',
            {"error": None},
            {"error": ["access_denied"]},
            {"error": "<script>"},
        ],
    )
    def test_an_odd_token_response_is_invalid(self, provider: GitHub, odd: Odd, body: object) -> None:
        odd.answers["/token"] = (200, body, {})
        assert fault(provider).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize(
        "members", [{"expires_in": 28800}, {"expires_in": "28800"}, {"refresh_token": 1}, {"token_type": "Bearer"}]
    )
    def test_a_token_response_may_say_more(self, provider: GitHub, odd: Odd, members: dict[str, object]) -> None:
        body = {"access_token": TOKEN, "token_type": "bearer", "scope": "read:user,user:email", **members}
        odd.answers["/token"] = (200, body, {})
        assert complete(provider).subject.id == "1"

    @pytest.mark.parametrize(
        "status, expected",
        [(403, Fault.UNAVAILABLE), (429, Fault.UNAVAILABLE), (400, Fault.UNAVAILABLE), (201, Fault.INVALID_RESPONSE)],
    )
    def test_a_token_response_of_another_status_is_refused(
        self, provider: GitHub, odd: Odd, status: int, expected: Fault
    ) -> None:
        odd.answers["/token"] = (status, b"<html>", {})
        assert fault(provider).code == expected

    def test_an_error_with_an_error_status_is_read(self, provider: GitHub, odd: Odd) -> None:
        odd.answers["/token"] = (400, {"error": "bad_verification_code"}, {})
        assert fault(provider).code == Fault.EXPIRED

    @pytest.mark.parametrize(
        "status, headers, expected",
        [
            (403, {}, Fault.ACCOUNT_UNUSABLE),
            (403, {"X_RateLimit_Remaining": "0"}, Fault.UNAVAILABLE),
            (403, {"Retry_After": "60"}, Fault.UNAVAILABLE),
            (404, {}, Fault.INVALID_RESPONSE),
        ],
    )
    def test_a_refusal_of_the_api_has_its_fault(
        self, provider: GitHub, odd: Odd, status: int, headers: dict[str, str], expected: Fault
    ) -> None:
        odd.answers["/api/user"] = (status, {"message": "no"}, headers)
        error = fault(provider)
        assert (error.code, error.correlation_id) == (expected, None)

    def test_an_odd_reference_is_not_passed_on(self, provider: GitHub, odd: Odd) -> None:
        odd.answers["/api/user"] = (401, {}, {"X_GitHub_Request_Id": "<script>"})
        assert fault(provider).correlation_id is None

    @pytest.mark.parametrize("login", [..., None, 1])
    def test_a_user_without_a_login_is_invalid(self, provider: GitHub, odd: Odd, login: object) -> None:
        odd.answers["/api/user"] = (200, {"id": 1, "type": "User", **({} if login is ... else {"login": login})}, {})
        assert fault(provider).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize(
        "emails", [(404, {}), (200, [{"email": 1, "primary": True, "verified": True}]), (200, ["x"])]
    )
    def test_odd_addresses_are_none(self, provider: GitHub, odd: Odd, emails: tuple[int, object]) -> None:
        odd.answers["/api/user/emails"] = (*emails, {})
        assert complete(provider).profile.email is None

    def test_addresses_that_lead_elsewhere_are_none(
        self, provider: GitHub, odd: Odd, caplog: pytest.LogCaptureFixture
    ) -> None:
        odd.answers["/api/user/emails"] = (302, {}, {"Location": "https://attacker.invalid/"})
        assert complete(provider).profile.email is None
        assert "no email: api: TooManyRedirects" in caplog.text

    def test_only_json_true_makes_an_address_primary_and_verified(self, provider: GitHub, odd: Odd) -> None:
        listed = [
            {"email": "a@example.org", "primary": 1, "verified": True},
            {"email": "b@example.org", "primary": True, "verified": "true"},
            {"email": "c@example.org", "primary": False, "verified": True},
            {"email": "d@example.org", "primary": True, "verified": True},
        ]
        odd.answers["/api/user/emails"] = (200, listed, {})
        assert complete(provider).profile.email == "d@example.org"

    def test_a_server_that_hangs_up_is_unavailable_and_no_error_holds_the_secret(
        self, provider: GitHub, authority: trustme.CA, server: Server
    ) -> None:
        settings = provider._settings.model_copy(update={"token_url": "https://localhost:1/token"})
        error = fault(GitHub("github", settings, CALLBACK))
        assert error.code == Fault.UNAVAILABLE
        assert error.__cause__ is None
        assert error.__context__ is None

    def test_t11_nothing_secret_is_logged(self, provider: GitHub, odd: Odd, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        complete(provider)
        odd.answers["/token/deleted"] = (500, {}, {})
        odd.answers["/api/user/emails"] = (500, {}, {})
        complete(provider)
        for secret in (TOKEN, SECRET, "the-code", "octocat"):
            assert secret not in caplog.text

    def test_a_token_is_deleted_at_best(
        self, provider: GitHub, server: Server, caplog: pytest.LogCaptureFixture, odd: Odd
    ) -> None:
        odd.answers["/token/deleted"] = (302, {}, {"Location": "https://attacker.invalid/"})
        complete(provider)
        assert "token not deleted: TooManyRedirects" in caplog.text
