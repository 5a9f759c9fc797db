"""The rows of what people do with accounts of the old world. What operators do is among the rooms."""

from collections.abc import Mapping

from tests.security.admins import old_world
from tests.security.admins.rules import Rule
from tests.security.table import t1, t5, t10
from tests.security.table.families import MANY_USES, SAME_FOR_ALL, Cell, Cells, Row
from tests.security.table.pages import ONLY_ASKS, page
from tests.security.table.places import example

CLAIMING = "tests/migrations/claiming"
CONVERSION = "tests/migrations/conversion"
PROOFS = f"{CLAIMING}/test_proof_table.py: every set of proofs in every order; only all of them link"
BY_MAIL = "whoever reads the mail may; it rests on no account and no sign-in"
OF_A_BROWSER = "it is the attempt of a browser, and rests on no account"
FINISHES = (
    f"{CLAIMING}/test_claim_pages.py, test_linked.py; {CONVERSION}/test_pages.py: a closed account finishes nothing"
)
USED_ONCE = {
    "/claim/link/<token>": f"{CLAIMING}/test_proof_table.py: a link that was used proves nothing again",
    "/claim/<attempt_id>/finish": f"{CLAIMING}/test_proof_table.py: what is finished is finished",
    "/convert/<attempt_id>": f"{CONVERSION}/test_pages.py: an attempt is used once",
    "/convert/accept/<token>": f"{CONVERSION}/test_accepting.py: a place is given in one step, to one person",
    "/migration/stop/<token>": f"{CLAIMING}/test_claim_pages.py: it stops what waits once",
    "/migration/undo/<token>": f"{CLAIMING}/test_claim_pages.py: it undoes once",
}


def of_case(rule: Rule) -> Cells:
    """A page for whoever is signed in, and has a part in it."""
    path = example(rule.rule)
    form = rule.method == "POST"
    judged = (t1.room(rule.method, path), *((t1.empty_post(path),) if form else ()))
    return page(
        (t10.address(rule.method, path, form=form),), T1=judged, T5=(t5.room(rule.method, path),), **_once(rule)
    )


def of_door(rule: Rule) -> Cells:
    """A page for whoever has a link, or the browser that began, or for everybody."""
    path, own = example(rule.rule), "<" in rule.rule
    form = rule.method == "POST"
    rests_on = OF_A_BROWSER if "<attempt_id>" in rule.rule or rule.rule.startswith("/claim/link/") else BY_MAIL
    finishes = rule in FINISHING
    judged: Cell = (t1.empty_post(path),) if form else PROOFS if own else ONLY_ASKS
    disabled = FINISHES if finishes else rests_on if own else SAME_FOR_ALL
    return page((t10.address(rule.method, path, form=form),), T1=judged, T5=disabled, **_once(rule))


def _once(rule: Rule) -> Mapping[str, Cell]:
    return {"T7": USED_ONCE.get(rule.rule, MANY_USES) if rule.method == "POST" else MANY_USES}


FINISHING = frozenset(
    Rule(method="POST", rule=rule) for rule in ("/claim/<attempt_id>/finish", "/convert/<attempt_id>")
)
OLD_WORLD: dict[Row, Cells] = {
    **{Row(method=rule.method, rule=rule.rule): of_case(rule) for rule in old_world.CASES},
    **{Row(method=rule.method, rule=rule.rule): of_door(rule) for rule in old_world.DOORS},
}
