"""Kill switches: what is thrown, and throwing and restoring it.

What is thrown here can be taken back here while nothing may be changed (:data:`broker.switches.guard.GOES_ON`). Who
shuts their own way in has to come by another one, or to the command line, and is told so before.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from broker.accounts.organizations.capabilities import Operator
from broker.accounts.organizations.pages.places import noticed
from broker.accounts.organizations.visit import fresh_operator_of, operator_of
from broker.operators import words
from broker.operators.context import OperatorPages
from broker.switches.service import COMMAND_LINE, OF_ONE, Kind, NoSwitches, Switch
from broker.tenants.errors import NotFound
from broker.web.errors import BrokerError

PAGE = "/operator/switches"
THROW = f"{PAGE}/throw"
RESTORE = f"{PAGE}/restore"

Row = dict[str, Any]


def show_switches(pages: OperatorPages) -> ResponseReturnValue:
    """GET /operator/switches."""
    with pages.base.database.read() as connection:
        return _page(pages, connection, operator_of(pages.base, connection))


def consider_switch(pages: OperatorPages) -> ResponseReturnValue:
    """GET /operator/switches/throw, with ``kind`` and ``target``: what will happen, and the form that does it."""
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        kind, target = _wanted(request.args)
        name = pages.targets.name(connection, kind, target)
        if name is None:
            return _page(pages, connection, operator, unknown=(kind, target)), 404
    return render_template("operator_switch.html", **considered(kind, target, name, operator))


def throw_switch(pages: OperatorPages) -> ResponseReturnValue:
    """POST /operator/switches/throw."""
    kind, target = _wanted(request.form)

    def by(connection: Connection) -> str:
        operator = fresh_operator_of(pages.base, connection, _consider(kind, target))
        if pages.targets.name(connection, kind, target) is None:
            raise NotFound(kind.value)
        return operator.account_id

    return _turned(lambda now: pages.switches.throw(kind, target, now, by=by), pages.base.clock(), "thrown")


def restore_switch(pages: OperatorPages) -> ResponseReturnValue:
    """POST /operator/switches/restore."""
    kind, target = _wanted(request.form)

    def by(connection: Connection) -> str:
        return fresh_operator_of(pages.base, connection, PAGE).account_id

    return _turned(lambda now: pages.switches.restore(kind, target, now, by=by), pages.base.clock(), "restored")


def considered(kind: Kind, target: str, name: str, operator: Operator) -> Row:
    """Return what the page says before a switch is thrown."""
    own = {Kind.PROVIDER: operator.proven.provider_id, Kind.TENANT: operator.proven.tenant}
    return {
        "kind": kind.value,
        "target": target,
        "name": name,
        "words": words.OF_SWITCHES[kind],
        "own": own.get(kind) == target,
        "restoring": words.restoring(kind, target),
        "page": PAGE,
        "throw": THROW,
        "here": _consider(kind, target),
        "fresh": operator.fresh,
    }


def overview(
    thrown: Sequence[Switch] | None,
    names: Mapping[Switch, str | None],
    providers: Mapping[str, str],
    operator: Operator,
    *,
    notice: str | None = None,
    unknown: tuple[Kind, str] | None = None,
) -> Row:
    """Return what the page shows; ``thrown`` none: there are no switches. ``unknown``: what somebody looked for."""
    off = {(each.kind, each.target) for each in thrown or ()}
    return {
        "page": PAGE,
        "throw": THROW,
        "restore": RESTORE,
        "fresh": operator.fresh,
        "there": thrown is not None,
        "notice": notice,
        "thrown": [_row(each, names[each], operator) for each in thrown or ()],
        "providers": [
            {"id": each, "name": name} for each, name in providers.items() if (Kind.PROVIDER, each) not in off
        ],
        "whole": [
            {"kind": kind.value, "words": words.OF_SWITCHES[kind]}
            for kind in (Kind.READ_ONLY, Kind.SIGN_UP)
            if (kind, "") not in off
        ],
        "unknown": {} if unknown is None else {unknown[0].value: unknown[1]},
    }


def _row(switch: Switch, name: str | None, operator: Operator) -> Row:
    return {
        "kind": switch.kind.value,
        "target": switch.target,
        "name": name or "",
        "words": words.OF_SWITCHES[switch.kind],
        "at": switch.at,
        "by": None if switch.by == COMMAND_LINE else switch.by,
        "own": switch.by == operator.account_id,
    }


def _turned(turn: Callable[[datetime], bool], now: datetime, done: str) -> ResponseReturnValue:
    try:
        changed = turn(now)
    except NoSwitches as error:
        raise _not_upgraded() from error
    return noticed(PAGE, done if changed else "already")


def _consider(kind: Kind, target: str) -> str:
    """Return the path of the page on which this is considered."""
    return f"{THROW}?{urlencode({'kind': kind.value, 'target': target})}"


def _wanted(given: MultiDict[str, str]) -> tuple[Kind, str]:
    """Return what the request is about. Raises :class:`NotFound`."""
    kind = next((each for each in Kind if each.value == given.get("kind")), None)
    target = given.get("target", "").strip()
    if kind is None or (kind in OF_ONE) != bool(target):
        raise NotFound("kind")
    return kind, target


def _page(
    pages: OperatorPages, connection: Connection, operator: Operator, unknown: tuple[Kind, str] | None = None
) -> str:
    try:
        thrown = pages.switches.all(connection)
    except NoSwitches:
        thrown = None
    names = {each: pages.targets.name(connection, each.kind, each.target) for each in thrown or ()}
    notice = words.SWITCH_NOTICES.get(request.args.get("notice", ""))
    shown = overview(thrown, names, pages.targets.providers(), operator, notice=notice, unknown=unknown)
    return render_template("operator_switches.html", **shown)


def _not_upgraded() -> BrokerError:
    return BrokerError(
        status=503,
        code="no_switches",
        title="Nothing was changed",
        sentence="The database is still of the version before, which has no switches.",
        next_step="Have it upgraded, then come back.",
        detail="no switches",
        link=("Back to the switches", PAGE),
    )
