"""What became of a claim, for whoever made it: nobody else's exists."""

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Person
from broker.web.errors import BrokerError
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.claiming import words
from migrations.accounts.claiming.visit import ClaimPages
from migrations.accounts.visit import fresh_person_of, person_of, sign_in

_KINDS = frozenset({CaseKind.CLAIM, CaseKind.LINKED})


def show_case(pages: ClaimPages, case_id: str) -> ResponseReturnValue:
    """GET /claim/cases/<case>: how it stands and what is next."""
    with pages.base.database.read() as connection:
        case = _own(pages, connection, case_id, person_of(pages.base, connection))
    return render_template(
        "migration/claim_case.html",
        registry=pages.base.registry,
        here=_page(case_id),
        case=case,
        words=words.CASES[case.state],
        waits=case.state is CaseState.WAITING,
        linked=case.kind is CaseKind.LINKED,
        sign_in=sign_in(_page(case_id)),
        notice="Withdrawn. Nothing was attached to you." if request.args.get("done") == "withdrawn" else None,
    )


def withdraw(pages: ClaimPages, case_id: str) -> ResponseReturnValue:
    """POST /claim/cases/<case>/withdraw: before it takes effect, by a fresh sign-in."""
    base, here = pages.base, _page(case_id)
    with base.database.begin() as connection:
        person = fresh_person_of(base, connection, here)
        base.effects.withdraw(connection, _own(pages, connection, case_id, person), person.now)
    return redirect(f"{here}?done=withdrawn", code=303)


def _own(pages: ClaimPages, connection: Connection, case_id: str, person: Person) -> Case:
    try:
        case = pages.base.effects.cases.get(connection, case_id)
    except LookupError as error:
        raise _not_found() from error
    if case.account_id != person.account_id or case.kind not in _KINDS:
        raise _not_found()
    return case


def _page(case_id: str) -> str:
    return f"/claim/cases/{case_id}"


def _not_found() -> BrokerError:
    return BrokerError(
        status=404,
        code="not_found",
        sentence="There is no such claim, or it is not of the account you are signed in with.",
        next_step="Sign in as you did when you made it.",
        detail="not the account's case",
        link=("Your account", "/account"),
    )
