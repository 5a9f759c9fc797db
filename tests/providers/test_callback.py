"""What GitHub and any OpenID provider have in common, at its edges."""

import pytest

from providers.callback import FAULTS, check_state, code_of, new_secret, refusal, remembered, shown
from providers.provider import Fault, ProviderError, Return


def failed(call: object, *arguments: object) -> ProviderError:
    assert callable(call)
    with pytest.raises(ProviderError) as caught:
        call(*arguments)
    return caught.value


def back(method: str = "GET", **parameters: str) -> Return:
    return Return(method=method, parameters=parameters)


def test_a_secret_is_new_each_time_and_a_good_verifier() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(first) == 43


def test_the_right_state_passes() -> None:
    check_state({"state": "right"}, back(state="right"))


@pytest.mark.parametrize("state", ["", "wrong", "right ", "Right", "rïght", "\ud800"])
def test_t10_another_state_is_refused(state: str) -> None:
    assert failed(check_state, {"state": "right"}, back(state=state)).code == Fault.INVALID_RESPONSE


def test_t10_no_state_is_refused() -> None:
    assert failed(check_state, {"state": "right"}, back()).code == Fault.INVALID_RESPONSE


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", ""])
def test_another_method_is_refused(method: str) -> None:
    assert failed(check_state, {"state": "right"}, back(method, state="right")).code == Fault.INVALID_RESPONSE


@pytest.mark.parametrize("flow", [{}, {"state": None}, {"state": 17}])
def test_a_flow_of_another_version_has_expired(flow: dict[str, object]) -> None:
    assert failed(check_state, flow, back(state="right")).code == Fault.EXPIRED
    assert failed(remembered, flow, "state").code == Fault.EXPIRED


@pytest.mark.parametrize("code", ["", "cödé", "two words\n", "c" * 4097])
def test_an_odd_code_is_refused(code: str) -> None:
    assert failed(code_of, back(code=code)).code == Fault.INVALID_RESPONSE


def test_an_error_wins_over_a_code() -> None:
    error = failed(code_of, back(code="code", error="access_denied"))
    assert (error.code, error.upstream_code) == (Fault.CANCELLED, "access_denied")


@pytest.mark.parametrize("error", FAULTS)
def test_a_known_error_has_its_fault(error: str) -> None:
    assert refusal(error).code == FAULTS[error]


def test_an_unknown_error_is_named_and_an_odd_one_is_not() -> None:
    assert refusal("some_other_error").upstream_code == "some_other_error"
    oddities: tuple[object, ...] = ("", "<script>", "Two words", "e" * 65, None, 17, ["access_denied"], {})
    for odd in oddities:
        error = refusal(odd)
        assert (error.code, error.upstream_code) == (Fault.INVALID_RESPONSE, None)
        assert "script" not in str(error)


def test_what_an_operator_sees_is_masked_unless_it_is_evidence() -> None:
    claims = {
        "amr": ["pwd", "mfa"],
        "name": "Ada Author",
        "age": 36,
        "ratio": 0.5,
        "verified": True,
        "address": {"street": "Somewhere"},
        "groups": ["a"],
        "nothing": None,
        "acr": "x" * 1000,
    }
    assert shown(claims, ("amr", "acr")) == {
        "amr": '["pwd", "mfa"]',
        "name": "<string, 10>",
        "age": "<number>",
        "ratio": "<number>",
        "verified": "<boolean>",
        "address": "<object, 1>",
        "groups": "<array, 1>",
        "nothing": "<null>",
        "acr": '"' + "x" * 199,
    }
