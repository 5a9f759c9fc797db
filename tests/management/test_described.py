"""docs/openapi.yaml, of the management API: it says what there is and nothing else, and what it says is so."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.management.estate import Estate
from tests.management.lab import ADMIN, ANSWERS, Lab, lab, refusals
from tests.oidc.described import MANAGEMENT_OPERATIONS, checks, conforms, operation, statuses

# What has no body and no list leaves nothing to make up; one list stands for all.
TAKING_SOMETHING = [each for each in MANAGEMENT_OPERATIONS if each.startswith(("PUT", "PATCH"))] + [
    "GET /api/organizations/{organization_id}/members",
    "POST /api/organizations",
    "POST /api/organizations/{organization_id}/invitations",
    "POST /api/organizations/{organization_id}/tenants",
    "POST /api/organizations/{organization_id}/exceptions",
]


@pytest.fixture(scope="module")
def _made(_shared: Estate) -> Lab:
    return lab(_shared)


@pytest.fixture
def broken(_made: Lab, managed: Estate) -> Lab:
    """Return an organisation to break things in, once the clock is right."""
    assert _made.estate is managed
    _made.begin()
    return _made


def test_every_resource_is_described_and_nothing_else(managed: Estate) -> None:
    served = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in managed.world.app.url_map.iter_rules()
        if rule.endpoint.startswith("management.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == set(MANAGEMENT_OPERATIONS) == set(ANSWERS)


@pytest.mark.parametrize("name", MANAGEMENT_OPERATIONS)
def test_every_answer_that_is_described_happens_and_is_as_described(broken: Lab, name: str) -> None:
    answers = [*ANSWERS[name](broken), *refusals(broken, name)]
    for response in answers:
        conforms(name, response)
    assert {response.status_code for response in answers} == statuses(name) - {503}


@pytest.mark.parametrize("name", TAKING_SOMETHING)
def test_whatever_is_sent_to_a_resource_the_answer_is_as_described(broken: Lab, name: str) -> None:
    from schemathesis import GenerationMode

    app, looked_at = broken.estate.world.app, checks()
    made = [operation(name).as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(st.one_of(made), st.sampled_from((ADMIN, "operator")), st.booleans())
    def answered(case: Any, who: str, known: bool) -> None:
        case.headers["Authorization"] = f"Bearer {broken.estate.tokens[who]}"
        if known and "organization_id" in case.path_parameters:
            case.path_parameters["organization_id"] = broken.organization.id
        response = case.call(app=app)
        case.validate_response(response, checks=looked_at, transport_kwargs={"app": app})

    answered()
