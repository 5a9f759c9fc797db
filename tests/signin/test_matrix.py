"""It must show 1: how each persona ends, at the real HTTP surface, as the evidence matrix says."""

from dataclasses import dataclass

import pytest

from claims.vocabulary import ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR, ACR_PHRH
from providers.standins import Canary, people
from tests.world import PROVIDERS, Arrival, Page, World

MSA_SECURITY = "https://account.microsoft.com/security"
ENTRA_SECURITY = "https://mysignins.microsoft.com/security-info"
GITHUB_SECURITY = "https://github.com/settings/security"


@dataclass(frozen=True, kw_only=True)
class In:
    """Signed in, with this ``acr``, this ``amr`` (none: the claim is absent) and ``auth_time`` or not."""

    acr: str
    amr: frozenset[str] | None
    auth_time: bool = True


@dataclass(frozen=True, kw_only=True)
class Out:
    """Refused, for this reason, with this remedy, and this link on the page (none: no link is due)."""

    reason: str
    remedy: str
    link: str | None = None
    code: str | None = None


def mfa(*amr: str) -> In:
    return In(acr=ACR_MFA, amr=frozenset({"mfa", *amr}))


ENROLLED = In(acr=ACR_MFA_ENROLLED, amr=None, auth_time=False)


def weak(link: str | None) -> Out:
    return Out(reason="too_weak", remedy="turn_on_mfa", link=link)


def silent(link: str | None = None) -> Out:
    return Out(reason="not_disclosed", remedy="use_another_provider", link=link)


def fault(reason: str, link: str | None = None, code: str | None = None) -> Out:
    return Out(reason=reason, remedy="sign_in_again", link=link, code=code)


MATRIX: dict[tuple[str, str], In | Out] = {}


def test_the_table_names_every_persona_of_every_provider() -> None:
    kinds = {kind for _, kind in PROVIDERS.items()}
    everybody = {persona.id for persona in people(Canary()) if persona.provider in kinds}
    assert {persona for _, persona in MATRIX} == everybody


@pytest.mark.parametrize("provider, persona", MATRIX, ids=[f"{a}-{b}" for a, b in MATRIX])
def test_each_persona_ends_as_the_evidence_matrix_says(world: World, provider: str, persona: str) -> None:
    expected = MATRIX[provider, persona]
    visitor = world.visitor()
    ended = visitor.sign_in(persona, provider)
    if isinstance(expected, In):
        assert isinstance(ended, Arrival), (ended.meta("reason"), ended.text)
        claims = world.registry().redeem(ended, visitor.last_request).claims
        assert claims["acr"] == expected.acr
        assert (None if "amr" not in claims else frozenset(claims["amr"])) == expected.amr
        assert ("auth_time" in claims) is expected.auth_time
    else:
        assert isinstance(ended, Page), ended
        assert ended.status == 403
        assert (ended.meta("reason"), ended.meta("remedy")) == (expected.reason, expected.remedy)
        if expected.link is not None:
            assert expected.link in ended.links
        if expected.code is not None:
            assert expected.code in ended.text
        assert any("/leave/" in link for link in ended.links), "there is a way back"


assert ACR_PHR != ACR_PHRH
