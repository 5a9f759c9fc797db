"""What whoever stopped or undid something is told: how it stands by then."""

import pytest

from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.claiming.words import objected
from tests.web.claiming_samples import case


@pytest.mark.parametrize(
    "state, title, frozen",
    [
        (CaseState.STOPPED, "It was stopped", True),
        (CaseState.UNDONE, "It was undone", True),
        (CaseState.REFUSED, "It was stopped", False),
        (CaseState.ASKED, "The operators know of it", False),
    ],
)
def test_who_objects_is_told_what_came_of_it(state: CaseState, title: str, frozen: bool) -> None:
    said, sentence, steps = objected(case(state, CaseKind.RECOVERY))
    assert (said, "frozen" in sentence, bool(steps)) == (title, frozen, frozen)
