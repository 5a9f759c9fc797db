"""Microsoft's errors: number before word, and never the text."""

import pytest

from providers.microsoft.aadsts import _CODES, FAULTS, refusal
from providers.provider import Ask, Fault

CORRELATION_ID = "aaaa0000-bb11-2222-33cc-444444dddddd"
ASK = Ask(force_mfa=True)


def token_error(number: int, error: str = "invalid_grant") -> dict[str, object]:
    return {
        "error": error,
        "error_description": f"AADSTS{number}: Some text. Trace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333",
        "error_codes": [number],
        "correlation_id": CORRELATION_ID,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }


@pytest.mark.parametrize(
    "number, fault",
    [
        (50076, Fault.MFA_REQUIRED),
        (50074, Fault.MFA_REQUIRED),
        (50078, Fault.MFA_REQUIRED),
        (50072, Fault.MFA_SETUP_REQUIRED),
        (50079, Fault.MFA_SETUP_REQUIRED),
        (53004, Fault.BLOCKED_BY_POLICY),
        (53000, Fault.DEVICE_REQUIRED),
        (53003, Fault.BLOCKED_BY_POLICY),
        (530032, Fault.BLOCKED_BY_POLICY),
        (50158, Fault.BLOCKED_BY_POLICY),
        (65001, Fault.CONSENT_REQUIRED),
        (65004, Fault.CANCELLED),
        (90094, Fault.ADMIN_CONSENT_REQUIRED),
        (700016, Fault.MISCONFIGURED),
        (7000112, Fault.BLOCKED_BY_POLICY),
        (50020, Fault.WRONG_ACCOUNT),
        (90072, Fault.WRONG_ACCOUNT),
        (500212, Fault.BLOCKED_BY_POLICY),
        (50105, Fault.NOT_ASSIGNED),
        (50011, Fault.MISCONFIGURED),
        (50194, Fault.MISCONFIGURED),
        (7000222, Fault.MISCONFIGURED),
        (54005, Fault.EXPIRED),
        (700005, Fault.EXPIRED),
        (50058, Fault.LOGIN_REQUIRED),
        (50057, Fault.ACCOUNT_UNUSABLE),
        (50196, Fault.MISCONFIGURED),
        (90033, Fault.UNAVAILABLE),
        (901002, Fault.MISCONFIGURED),
    ],
)
def test_a_number_microsoft_documents_decides_whatever_the_error_word_says(number: int, fault: Fault) -> None:
    for error in ("access_denied", "invalid_grant", "nonsense"):
        refused = refusal(token_error(number, error), again=ASK)
        assert (refused.code, refused.upstream_code) == (fault, f"AADSTS{number}")
        assert refused.correlation_id == CORRELATION_ID


def test_every_number_of_the_table_has_one_meaning() -> None:
    assert len(FAULTS) == sum(map(len, _CODES.values()))


@pytest.mark.parametrize(
    "error, fault",
    [
        ("access_denied", Fault.CANCELLED),
        ("consent_required", Fault.CONSENT_REQUIRED),
        ("interaction_required", Fault.MFA_REQUIRED),
        ("login_required", Fault.LOGIN_REQUIRED),
        ("invalid_grant", Fault.EXPIRED),
        ("invalid_client", Fault.MISCONFIGURED),
        ("server_error", Fault.UNAVAILABLE),
        ("temporarily_unavailable", Fault.UNAVAILABLE),
        ("something_new", Fault.INVALID_RESPONSE),
        (7, Fault.INVALID_RESPONSE),
    ],
)
def test_without_a_number_the_error_word_decides(error: object, fault: Fault) -> None:
    refused = refusal({"error": error, "error_description": "the user canceled the authentication"})
    assert (refused.code, refused.upstream_code, refused.correlation_id) == (fault, None, None)


def test_a_denial_with_a_number_nobody_knows_is_a_policy_and_not_a_cancelled_sign_in() -> None:
    refused = refusal(token_error(59999, "access_denied"))
    assert (refused.code, refused.upstream_code) == (Fault.BLOCKED_BY_POLICY, "AADSTS59999")


def test_where_several_numbers_come_the_one_we_know_counts() -> None:
    assert refusal({"error": "invalid_grant", "error_codes": [59999, 50079]}).upstream_code == "AADSTS50079"


def test_number_and_correlation_id_are_read_from_the_text_when_they_stand_nowhere_else() -> None:
    refused = refusal(
        {
            "error": "access_denied",
            "error_description": f"AADSTS53003: Blocked. Trace ID: x Correlation ID: {CORRELATION_ID} Timestamp: y",
        }
    )
    assert (refused.code, refused.upstream_code) == (Fault.BLOCKED_BY_POLICY, "AADSTS53003")
    assert refused.correlation_id == CORRELATION_ID


@pytest.mark.parametrize(
    "codes", [None, "53003", [], ["53003"], [True], [-1], [5.3], [[53003]], {"a": 53003}, [10**20]]
)
def test_t2_numbers_of_the_wrong_shape_are_no_numbers(codes: object) -> None:
    refused = refusal({"error": "invalid_grant", "error_codes": codes, "error_description": 53003})
    assert (refused.code, refused.upstream_code) == (Fault.EXPIRED, None)


def test_only_an_error_that_asking_again_can_mend_says_to_ask_again() -> None:
    assert refusal(token_error(50076), again=ASK).again == ASK
    assert refusal(token_error(53003), again=ASK).again is None


def test_nothing_of_the_text_gets_into_what_is_shown_or_logged() -> None:
    text = "<script>alert(1)</script> canary@example.test"
    refused = refusal(
        {"error": text, "error_description": f"AADSTS53003: {text}", "correlation_id": text, "error_uri": text}
    )
    assert "canary" not in f"{refused} {refused.detail} {refused.upstream_code} {refused.correlation_id}"
