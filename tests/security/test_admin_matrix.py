"""T4, T5: every page and resource of admins and operators by everybody: who may is written down, and nobody else can.

``tests.security.admins.allowed`` is the list. tests/management/test_matrix.py says with which code the API refuses.
"""

import pytest
import requests

from tests.security.admins.allowed import TABLE, refusal
from tests.security.admins.old_world import KEPT
from tests.security.admins.people import Who
from tests.security.admins.rules import Rule
from tests.security.admins.town import Town

OURS = ("/organizations", "/operator", "/invitations", "/api/")
ROOMS = (
    "management.",
    "organizations.",
    "tenants.",
    "claiming.",
    "recovery.",
    "conversion.",
    "campaign.",
    "one_click.",
    "operators.",
)

SIGN_IN = ("/signin?next=", "/signin?fresh=no&next=")


def test_every_address_of_admins_and_operators_is_in_the_table_and_nothing_else(town: Town) -> None:
    served = {
        Rule(method=method, rule=rule.rule)
        for rule in town.world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(OURS) or rule.endpoint.startswith(ROOMS)
    }
    assert set(TABLE) == served


@pytest.mark.parametrize("rule", TABLE, ids=str)
def test_t5_who_may_can_and_nobody_else_changes_anything(town: Town, rule: Rule) -> None:
    allowed, samples = TABLE[rule]
    wrong = [
        f"{who}, {dict(sample.ids)}: {fault}"
        for sample in samples
        for who in Who
        if (fault := _fault(town, rule, who, town.ask(who, rule, sample), allowed=who in allowed))
    ]
    assert not wrong, f"{rule}\n" + "\n".join(wrong)


def _fault(town: Town, rule: Rule, who: Who, response: requests.Response, *, allowed: bool) -> str | None:
    """Return what is wrong with an answer, or with what came of it, and put everything back."""
    changed = town.changed()
    if changed:
        town.put_back()
    said = f"{response.status_code} {response.headers.get('Location', '')} {changed or ''}"
    signs_in = response.headers.get("Location", "").startswith(SIGN_IN)
    if allowed:
        good = response.status_code in (200, 201, 202, 204, 303) and not signs_in
        return None if good and bool(changed) == _leaves_traces(rule) else f"may, but: {said} {_words(response)}"
    used_up = {"values of the store"} if rule.rule.startswith("/callback/") or rule in KEPT else set()
    refused = response.status_code == refusal(who, rule) and (response.status_code != 303 or signs_in)
    return None if refused and changed <= used_up else f"may not, but: {said}"


def _leaves_traces(rule: Rule) -> bool:
    """Return whether something is not as it was once it was called: what Microsoft sends back is used up."""
    return rule.changes or rule.rule.startswith("/callback/")


def _words(response: requests.Response) -> str:
    return " ".join(response.text.partition("<main")[2].split())[:300] or response.text[:300]
