"""T2: evidence parsing. What is missing, of the wrong type or unknown is no evidence, at the real surface.

The shapes themselves are judged in tests/claims; these are the ones a provider could really send.
"""

import pytest

from tests.world import Page, World

NO_EVIDENCE = {
    "amr missing": ("entra-amr-missing", "entra", "not_disclosed"),
    "amr a string": ("entra-amr-string", "entra", "not_disclosed"),
    "amr a string, elsewhere": ("oidc-amr-string", "generic", "not_disclosed"),
    "amr and acr missing": ("oidc-silent", "generic", "not_disclosed"),
    "acr missing": ("msa-noacr", "msa", "not_disclosed"),
    "acr of the default policy": ("msa-nomfa", "msa", "too_weak"),
    "amr that sounds strong": ("entra-wiaormfa", "entra", "too_weak"),
    "amr of a key": ("entra-rsa-only", "entra", "too_weak"),
    "amr of a one-time code": ("entra-otp", "entra", "too_weak"),
    "amr of a federation": ("entra-fed", "entra", "too_weak"),
    "a context nobody attested": ("entra-acrs-nopolicy", "entra", "too_weak"),
    "2FA null": ("2fa-null", "github", "not_disclosed"),
    "2FA absent": ("2fa-absent", "github", "not_disclosed"),
    '2FA "true"': ("2fa-text", "github", "not_disclosed"),
    "2FA false": ("2fa-false", "github", "too_weak"),
}


@pytest.mark.parametrize("persona, provider, reason", NO_EVIDENCE.values(), ids=NO_EVIDENCE.keys())
def test_t2_what_is_no_evidence_signs_nobody_in(world: World, persona: str, provider: str, reason: str) -> None:
    visitor = world.visitor()
    page = visitor.sign_in(persona, provider)
    assert isinstance(page, Page)
    assert page.status == 403
    assert page.meta("reason") == reason
    assert visitor.get("/account").status_code == 303


@pytest.mark.parametrize("toggle", ["user_id_text", "user_id_missing", "user_id_bool", "user_id_zero", "user_is_list"])
def test_t2_a_user_without_a_numeric_id_is_nobody(world: World, toggle: str) -> None:
    world.standins.toggles.set(toggle)
    page = world.visitor().sign_in("2fa-true", "github")
    assert isinstance(page, Page)
    assert page.meta("reason") == "invalid_response"


def test_t2_an_opaque_access_token_is_no_evidence(world: World) -> None:
    world.standins.toggles.set("access_opaque")
    page = world.visitor().sign_in("entra-mfa", "entra")
    assert isinstance(page, Page)
    assert page.meta("reason") == "not_disclosed"
