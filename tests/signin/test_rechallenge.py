"""It must show 3: at most one re-challenge, only where the provider can be asked again, then the refusal."""

import pytest

from tests.world import Arrival, Page, World

CASES = {
    "msa": ("msa-nomfa", 2),
    "entra": ("entra-pwd", 2),
    "generic": ("oidc-pwd", 2),
    "github": ("2fa-false", 1),
}


@pytest.mark.parametrize("provider", CASES)
def test_a_provider_that_never_returns_mfa_is_asked_so_often_and_no_more(world: World, provider: str) -> None:
    persona, redirects = CASES[provider]
    world.standins.forget_requests()
    page = world.visitor().sign_in(persona, provider)
    assert isinstance(page, Page)
    assert page.status == 403
    assert page.meta("reason") == "too_weak"
    assert world.standins.redirects() == redirects


@pytest.mark.parametrize("persona", ["entra-mfa-demanded", "entra-consent"])
def test_an_error_that_asking_again_can_mend_is_asked_again_once(world: World, persona: str) -> None:
    world.standins.forget_requests()
    assert isinstance(world.visitor().sign_in(persona, "entra"), Arrival)
    assert world.standins.redirects() == 2
