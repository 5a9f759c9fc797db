"""What a program's failure counts against."""

import json
from base64 import b64encode

import pytest
from werkzeug.datastructures import Headers

from broker.oidc.api.failures import wait_of
from broker.storage.store import MemoryStore
from tests.limits.counting import counting
from tests.oidc.jose.samples import base64url

HOUR = 3600
BASIC = {"Authorization": "Basic " + b64encode(b"registry:wrong").decode()}


def assertion(**claims: str) -> str:
    """Return something that says whose assertion it is, which is all that is read of it."""
    parts = ({"alg": "ES256"}, claims)
    return ".".join([*(base64url(json.dumps(each).encode()) for each in parts), base64url(b"not a signature")])


def waits(error: object, form: dict[str, str], headers: dict[str, str] | None = None, times: int = 3) -> list[int]:
    limits = counting(MemoryStore(), client_authentication="1 / h", api_client="2 / h", api_address="9 / h")
    sent = Headers(headers or {})
    return [wait_of(limits, error, remote="192.0.2.7", form=form, headers=sent) for _ in range(times)]


@pytest.mark.parametrize("error", ["invalid_request", "authorization_pending", "slow_down", "invalid_scope", None])
def test_what_is_no_guess_never_counts(error: object) -> None:
    assert waits(error, {"client_id": "registry"}, times=20) == [0] * 20


@pytest.mark.parametrize(
    "form, headers",
    [
        ({"client_id": "registry", "client_secret": "wrong"}, {}),
        ({}, BASIC),
        ({"client_assertion": assertion(iss="registry", sub="registry")}, {}),
        ({"client_id": "registry", "client_assertion": "x"}, {}),
    ],
    ids=["form", "header", "assertion", "named"],
)
def test_t12_a_failed_authentication_counts_for_the_client_that_it_names(
    form: dict[str, str], headers: dict[str, str]
) -> None:
    assert waits("invalid_client", form, headers) == [0, HOUR, HOUR]


@pytest.mark.parametrize(
    "form, headers",
    [({}, {}), ({"client_id": ""}, {}), ({"client_assertion": "x"}, {}), ({}, {"Authorization": "Basic x"})],
)
def test_t12_one_that_names_nobody_counts_for_the_address(form: dict[str, str], headers: dict[str, str]) -> None:
    assert waits("invalid_client", form, headers, 10) == [0] * 9 + [HOUR]


def test_a_client_that_authenticated_has_a_count_of_its_own_for_codes_that_are_none() -> None:
    secret = {"client_id": "registry", "client_secret": "right"}
    for form, headers in ((secret, {}), ({}, BASIC), ({"client_assertion": assertion(iss="a", sub="a")}, {})):
        assert waits("invalid_grant", form, headers) == [0, 0, HOUR]
    assert waits("invalid_grant", {"client_id": "public"}, times=10) == [0] * 9 + [HOUR]
    assert waits("invalid_token", {}, {"Authorization": "Bearer x"}, times=10) == [0] * 9 + [HOUR]
