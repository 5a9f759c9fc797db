"""The rows of what admins and operators do: on pages, and by programs."""

from tests.security.admins import old_world
from tests.security.admins.allowed import API, PAGES
from tests.security.admins.rules import Rule
from tests.security.table import t1, t5, t9_ours, t10
from tests.security.table.families import (
    NO_ADDRESS,
    NOTHING_PROVEN,
    T1,
    T5,
    T6,
    T7,
    T8,
    T9,
    T10,
    Cell,
    Cells,
    Row,
)
from tests.security.table.pages import page
from tests.security.table.places import example, status

MATRIX = "tests/security/test_admin_matrix.py: everybody, with a proof that is not fresh and one by an exception too"
TOKENS = "tests/management/test_tokens.py: bound to a key, it takes a proof of it at every call, each once"
SAME_READER = "GET /api/organizations: one reader of tokens for all of them"
OWN_ROWS = {
    "/invitations/<token>": {
        "T7": "tests/accounts/organizations/pages/test_invitation_pages.py: an invitation is good once",
        "T1": "tests/accounts/organizations/pages/test_invitation_pages.py: accepting takes a session",
        "T5": "tests/accounts/organizations/pages/test_invitation_pages.py: it is over when it was withdrawn",
    },
    "/callback/<provider_id>/consent": {
        "T1": NOTHING_PROVEN,
        "T5": "tests/tenants/pages/test_mapping_a_tenant.py: who may not any more proves nothing",
        "T7": "tests/tenants/pages/test_mapping_a_tenant.py: the state of an approval is good for one return",
        "T9": "what comes back of it is believed for nothing",
    },
}


def of_page(rule: Rule) -> Cells:
    """A page, for whoever is signed in as the matrix says, or for whoever has a link."""
    path = example(rule.rule)
    form = rule.method == "POST"
    judged = (t1.room(rule.method, path), *((t1.empty_post(path),) if form else ()))
    own: dict[str, Cell] = {"T1": judged, "T5": (t5.room(rule.method, path),), **OWN_ROWS.get(rule.rule, {})}
    return page((t10.address(rule.method, path, form=form),), **own)


def of_resource(rule: Rule) -> Cells:
    """A resource of the management API, for whoever has a token."""
    path = example(rule.rule)
    at_first = (rule.method, rule.rule) == ("GET", "/api/organizations")
    reader = t9_ours.access_token(t9_ours.in_header("GET", path), status(200), managing=True)
    return {
        T1: MATRIX,
        T5: (t5.resource(rule.method, path),),
        T6: NO_ADDRESS,
        T7: TOKENS,
        T8: TOKENS,
        T9: (reader,) if at_first else SAME_READER,
        T10: (t10.address(rule.method, path),),
    }


ROOMS: dict[Row, Cells] = {
    Row(method=rule.method, rule=rule.rule): of_page(rule) for rule in (*PAGES, *old_world.PAGES)
}
RESOURCES: dict[Row, Cells] = {Row(method=rule.method, rule=rule.rule): of_resource(rule) for rule in API}
