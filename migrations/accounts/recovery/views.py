"""The pages of whoever asks for a recovery, and the operators' two verbs. The operators' page of a case shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Denial, Denied, FreshOperator, FreshPerson
from broker.accounts.organizations.visit import answer, once_more
from broker.accounts.visit import SignInFirst
from broker.limits.errors import in_words
from broker.web import routes
from broker.web.errors import BrokerError
from claims.decision import Purpose
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.periods import ASKING, RECOVERY
from migrations.accounts.recovery.drafts import FIELDS, Drafts
from migrations.accounts.recovery.limits import TooMany
from migrations.accounts.recovery.service import ApprovedAlready, NotAPersons, Recovery, Request
from migrations.accounts.recovery.wanted import LONGEST, BadForm, Wanted
from migrations.accounts.recovery.words import STATUS
from migrations.accounts.visit import (
    OldWorldPages,
    answering,
    fresh_operator_of,
    person_of,
    session_of,
    sign_in,
)

START = "/recover"

NOTICES = {
    "look": "We look for the branch now. That takes a minute or two; then load this page again.",
    "withdrawn": "You have withdrawn your request.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPages:
    """What they work with."""

    base: OldWorldPages
    recovery: Recovery
    drafts: Drafts


def blueprint(pages: RecoveryPages) -> Blueprint:
    """Return them."""
    room = routes.blueprint(
        "recovery",
        pages,
        (
            ("GET", START, show_start),
            ("POST", START, ask),
            ("GET", f"{START}/<ticket>", show_request),
            ("POST", f"{START}/<ticket>/check", check),
            ("POST", f"{START}/<ticket>/withdraw", withdraw),
            ("POST", "/operator/migration/cases/<case_id>/approve", approve),
            ("POST", "/operator/migration/cases/<case_id>/refuse", refuse),
        ),
    )
    room.register_error_handler(TooMany, _too_many)
    room.register_error_handler(LookupError, _not_there)
    room.register_error_handler(ApprovedAlready, _approved_already)
    room.register_error_handler(NotAPersons, _not_a_persons)
    return answering(room)


def show_start(pages: RecoveryPages) -> ResponseReturnValue:
    """GET /recover: what it takes; and the form, for whoever has just signed in."""
    try:
        with pages.base.database.read() as connection:
            person = _fresh_person(pages, connection)
    except SignInFirst:
        return _start(pages, None)
    except Denied as denied:
        if denied.denial not in (Denial.STALE, Denial.SIGNED_OUT):
            raise
        return _start(pages, None)
    return _start(pages, pages.drafts.of(person.account_id))


def ask(pages: RecoveryPages) -> ResponseReturnValue:
    """POST /recover."""
    try:
        with pages.base.database.begin() as connection:
            person = _fresh_person(pages, connection)
            ticket = pages.recovery.ask(connection, person, Wanted.read(request.form))
    except BadForm as problem:
        return _start(pages, request.form, problem), 400
    except Denied as denied:
        if denied.denial is Denial.STALE:
            # Words that speak for somebody can take longer than ten minutes to find.
            pages.drafts.keep(session_of(pages.base, pages.base.clock()).account_id, request.form)
            raise once_more(START) from denied
        raise
    pages.drafts.forget(person.account_id)
    return redirect(f"{START}/{ticket}", code=303)


def show_request(pages: RecoveryPages, ticket: str) -> ResponseReturnValue:
    """GET /recover/<ticket>."""
    with pages.base.database.read() as connection:
        found = pages.recovery.find(connection, person_of(pages.base, connection), ticket)
    return render_template(
        "migration/recovery_request.html",
        registry=pages.base.registry,
        notice=NOTICES.get(request.args.get("notice", "")),
        here=f"{START}/{found.ticket}",
        status=STATUS[found.state],
        facts=_facts(found),
        marker=found.marker,
        looked_at=found.looked_at,
        seen=found.seen,
    )


def check(pages: RecoveryPages, ticket: str) -> ResponseReturnValue:
    """POST /recover/<ticket>/check: have the marker looked for."""
    with pages.base.database.begin() as connection:
        pages.recovery.look(connection, person_of(pages.base, connection), ticket)
    return redirect(f"{START}/{ticket}?notice=look", code=303)


def withdraw(pages: RecoveryPages, ticket: str) -> ResponseReturnValue:
    """POST /recover/<ticket>/withdraw."""
    with pages.base.database.begin() as connection:
        pages.recovery.withdraw(connection, person_of(pages.base, connection), ticket)
    return redirect(f"{START}/{ticket}?notice=withdrawn", code=303)


def approve(pages: RecoveryPages, case_id: str) -> ResponseReturnValue:
    """POST /operator/migration/cases/<case>/approve."""
    done = _decide(pages, case_id, pages.recovery.approve)
    return _decided(done, "granted" if done.state is CaseState.WAITING else "supported")


def refuse(pages: RecoveryPages, case_id: str) -> ResponseReturnValue:
    """POST /operator/migration/cases/<case>/refuse."""
    return _decided(_decide(pages, case_id, pages.recovery.refuse), "refused")


def _decide(pages: RecoveryPages, case_id: str, verb: Callable[[Connection, str, FreshOperator], Case]) -> Case:
    with pages.base.database.begin() as connection:
        return verb(connection, case_id, fresh_operator_of(pages.base, connection, _case_page(case_id)))


def _decided(case: Case, notice: str) -> ResponseReturnValue:
    return redirect(f"{_case_page(case.id)}?notice={notice}", code=303)


def _case_page(case_id: str) -> str:
    return f"/operator/migration/cases/{case_id}"


def _fresh_person(pages: RecoveryPages, connection: Connection) -> FreshPerson:
    now = pages.base.clock()
    return pages.base.authority.fresh_person(connection, session_of(pages.base, now), now, Purpose.CLAIM)


def _start(pages: RecoveryPages, typed: Mapping[str, str] | None, problem: BadForm | None = None) -> str:
    """Return the page; with the form, and what was typed into it, unless there is nobody to fill it in."""
    return render_template(
        "migration/recovery_start.html",
        registry=pages.base.registry,
        sign_in=sign_in(START),
        typed=None if typed is None else {name: typed.get(name, "") for name in FIELDS},
        problem=problem,
        longest=LONGEST,
        days={"asking": ASKING.days, "waiting": RECOVERY.days},
    )


def _facts(found: Request) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [("Asked for", found.asked_at)]
    if found.state is CaseState.ASKED:
        facts.append(("To be decided by", found.due_at))
    if found.state is CaseState.WAITING:
        facts.append(("Takes effect", found.due_at))
    return facts


def _too_many(refused: TooMany) -> ResponseReturnValue:
    return answer(
        BrokerError(
            status=429,
            code="too_many_recoveries",
            title="That is as much as we take for now",
            sentence="You have asked for as many accounts, or looks at a branch, as one person may. Nothing was done.",
            next_step=f"Withdraw a request that you do not need, or wait {in_words(refused.retry_after)}.",
            detail="limit of a person or a request",
            retry_after=refused.retry_after,
            link=("About recovery", START),
        )
    )


def _not_there(_: LookupError) -> ResponseReturnValue:
    return answer(
        BrokerError(
            status=404,
            code="not_found",
            sentence="There is no such request, or it is not for the account that you are signed in with.",
            next_step="If you asked for it, follow the link in our message, signed in as you were then.",
            detail="no such recovery",
            link=("About recovery", START),
        )
    )


def _approved_already(_: ApprovedAlready) -> ResponseReturnValue:
    return _conflict("approved_already", "You have approved this already.", "Ask another operator to look at it.")


def _not_a_persons(_: NotAPersons) -> ResponseReturnValue:
    return _conflict(
        "shared_account",
        "This account is shared, or nobody has decided yet whether it is. It is handed to nobody alone.",
        "Decide that first. A shared account becomes an organisation instead.",
    )


def _conflict(code: str, sentence: str, next_step: str) -> ResponseReturnValue:
    return answer(
        BrokerError(
            status=409, code=code, title="Nothing was changed", sentence=sentence, next_step=next_step, detail=code
        )
    )
