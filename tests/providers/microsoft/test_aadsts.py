"""Microsoft's errors: number before word, and never the text."""

import pytest

from providers.microsoft.aadsts import _CODES, FAULTS, needs_admin, refusal
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


@pytest.mark.parametrize(
    "number, error, admin",
    [
        (90094, "access_denied", True),
        (90008, "interaction_required", True),
        (50105, "access_denied", True),
        (53003, "access_denied", True),
        (53000, "access_denied", True),
        (7000112, "unauthorized_client", True),
        (59999, "access_denied", True),
        (700016, "unauthorized_client", False),
        (65001, "invalid_grant", False),
        (65004, "access_denied", False),
        (50079, "interaction_required", False),
        (50020, "access_denied", False),
        (7000222, "invalid_client", False),
        (90033, "temporarily_unavailable", False),
    ],
)
def test_some_refusals_mean_that_the_admin_must_do_something(number: int, error: str, admin: bool) -> None:
    refused = refusal(token_error(number, error))
    assert needs_admin(refused.upstream_code, refused.code) is admin


@pytest.mark.parametrize("number", [700011, 700016])
def test_an_application_that_a_named_tenant_does_not_know_is_its_admins_to_approve(number: int) -> None:
    refused = refusal(token_error(number, "unauthorized_client"), at_tenant=True)
    assert refused.code is Fault.ADMIN_CONSENT_REQUIRED
    assert needs_admin(refused.upstream_code, refused.code)
    assert refusal(token_error(90033), at_tenant=True).code is Fault.UNAVAILABLE


@pytest.mark.parametrize("code", [None, "", "53003", "AADSTS", "AADSTS53003 ", "access_denied"])
def test_a_rule_that_blocked_is_for_the_admin_only_with_its_number(code: str | None) -> None:
    assert not needs_admin(code, Fault.BLOCKED_BY_POLICY)
    assert needs_admin("AADSTS53003", Fault.BLOCKED_BY_POLICY)


def test_consent_is_offered_to_be_asked_for_only_where_it_is_missing() -> None:
    consent = Ask(consent=True)
    assert refusal(token_error(65001), again=ASK, consent=consent).again == consent
    assert refusal({"error": "consent_required"}, again=ASK, consent=consent).again == consent
    assert refusal(token_error(50076), again=ASK, consent=consent).again == ASK
    for number in (65004, 90094, 53003):
        assert refusal(token_error(number), again=ASK, consent=consent).again is None
