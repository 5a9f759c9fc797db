"""The links that old addresses get: to stop what has not happened yet, to undo what has. No session is needed."""

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.web.errors import BrokerError
from migrations.accounts import links
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.claiming import words
from migrations.accounts.claiming.visit import ClaimPages
from migrations.accounts.effects import TooLate
from migrations.accounts.links import Verb

_POSSIBLE = {
    Verb.STOP: frozenset({CaseState.ASKED, CaseState.WAITING}),
    Verb.UNDO: frozenset({CaseState.EFFECTIVE}),
}


def show_stop(pages: ClaimPages, token: str) -> ResponseReturnValue:
    """GET /migration/stop/<token>: what is at stake, and a button. Mail scanners follow links."""
    return _show(pages, Verb.STOP, token)


def stop(pages: ClaimPages, token: str) -> ResponseReturnValue:
    """POST /migration/stop/<token>: it does not take effect."""
    return _do(pages, Verb.STOP, token)


def show_undo(pages: ClaimPages, token: str) -> ResponseReturnValue:
    """GET /migration/undo/<token>: what is at stake, and a button. Mail scanners follow links."""
    return _show(pages, Verb.UNDO, token)


def undo(pages: ClaimPages, token: str) -> ResponseReturnValue:
    """POST /migration/undo/<token>: the account is frozen."""
    return _do(pages, Verb.UNDO, token)


def _show(pages: ClaimPages, verb: Verb, token: str) -> str:
    base = pages.base
    with base.database.read() as connection:
        case = _case_of(pages, connection, verb, token)
        if case.state not in _POSSIBLE[verb]:
            raise _over()
        legacy = base.effects.ledger.get(connection, case.registry_id)
    return render_template(
        "migration/claim_objection.html",
        registry=base.registry,
        here=f"/migration/{verb.value}/{token}",
        verb=verb.value,
        name=(legacy.name if legacy is not None else None) or case.registry_id,
        stake=words.STAKES[verb][case.kind],
        follows=words.ENDS if case.kind is CaseKind.RECOVERY and verb is Verb.STOP else words.FREEZES,
        until=case.due_at if verb is Verb.STOP else case.undo_until,
    )


def _do(pages: ClaimPages, verb: Verb, token: str) -> ResponseReturnValue:
    base, now = pages.base, pages.base.clock()
    with base.database.begin() as connection:
        case = _case_of(pages, connection, verb, token)
        # Before the link: whoever brings about the effect holds the account, and ends its links then.
        base.effects.ledger.held(connection, case.registry_id)
        if links.use(connection, token, now) is None:
            raise _over()
        try:
            done = (base.effects.stop if verb is Verb.STOP else base.effects.undo)(connection, case, now)
        except TooLate as error:
            raise _over() from error
    title, sentence, steps = words.objected(done)
    return render_template("message.html", title=title, sentence=sentence, steps=steps, link=None)


def _case_of(pages: ClaimPages, connection: Connection, verb: Verb, token: str) -> Case:
    """Return the case that a link is about. Changes nothing."""
    link = links.find(connection, token, pages.base.clock())
    if link is None or link.verb is not verb:
        raise _over()
    return pages.base.effects.cases.get(connection, link.case_id)


def _over() -> BrokerError:
    return BrokerError(
        status=404,
        code="link_over",
        title="This link is over",
        sentence="It was used already, its time is over, or what it was for has ended or happened meanwhile. Nothing "
        "was changed now.",
        next_step="Look for a newer mail: what can still be stopped or undone has a link of its own there. If there is "
        "none, write to the people who run this site.",
        detail="no such link",
    )
