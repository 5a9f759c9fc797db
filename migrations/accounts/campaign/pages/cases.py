"""What wants an operator's decision, and deciding it."""

from collections.abc import Callable, Collection, Mapping
from typing import cast
from urllib.parse import urlencode

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshOperator
from migrations.accounts.campaign.listing import page_of
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.shown import case_facts, case_line
from migrations.accounts.campaign.pages.visit import HERE, CampaignPages, account_page, case_page, nothing_here, noticed
from migrations.accounts.cases import DISPUTED, Case, CaseKind, CaseState
from migrations.accounts.records import LegacyAccount
from migrations.accounts.recovery.shown import evidence_of
from migrations.accounts.visit import fresh_operator_of, operator_of

MOST_PACKAGES = 20
"""How many packages are shown."""

CASES = f"{HERE}/cases"
_LISTS: Mapping[str, tuple[str, Collection[CaseState], CaseKind | None]] = {
    "disputed": ("Disputed", DISPUTED, None),
    "asked": ("Recoveries to decide", {CaseState.ASKED}, CaseKind.RECOVERY),
    "waiting": ("Waiting to take effect", {CaseState.WAITING}, None),
}
_Decide = Callable[[Connection, Case, FreshOperator], object]


def show_cases(pages: CampaignPages) -> ResponseReturnValue:
    """GET /operator/migration/cases: with ``list`` and ``after``, what comes later in one of its lists."""
    chosen, after = request.args.get("list", ""), request.args.get("after", "")
    names = [chosen] if chosen in _LISTS else list(_LISTS)
    sections = []
    with pages.base.database.read() as connection:
        operator_of(pages.base, connection)
        for name in names:
            heading, states, kind = _LISTS[name]
            found, more = page_of(connection, states, kind, after if name == chosen else "")
            sections.append(
                {
                    "heading": heading,
                    "cases": [case_line(each) for each in found],
                    "more": f"{CASES}?{urlencode({'list': name, 'after': more})}" if more is not None else None,
                }
            )
    return render_template("migration/operator_cases.html", sections=sections)


def show_case(pages: CampaignPages, case_id: str) -> ResponseReturnValue:
    """GET /operator/migration/cases/<case>."""
    effects = pages.base.effects
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        case = _case(pages, connection, case_id)
        legacy = cast(LegacyAccount, effects.ledger.get(connection, case.registry_id))  # by a foreign key
        others = effects.cases.of_registry_account(connection, case.registry_id)
        return render_template(
            "migration/operator_case.html",
            here=case_page(case_id),
            fresh=operator.fresh,
            notice=words.NOTICES.get(request.args.get("notice", "")),
            case=case_facts(pages, connection, case, operator),
            legacy=legacy,
            state=words.STATES[legacy.state],
            account_page=account_page(case.registry_id),
            packages=sorted(legacy.packages, key=lambda each: (-each.downloads, each.name))[:MOST_PACKAGES],
            others=[case_line(each) for each in others if each.id != case.id],
            recovery=evidence_of(pages.recovery, connection, case, operator) if case.kind is CaseKind.RECOVERY else {},
        )


def uphold(pages: CampaignPages, case_id: str) -> ResponseReturnValue:
    """POST .../uphold: it has its effect, and for good."""
    return _decide(pages, case_id, pages.base.effects.uphold, "uphold")


def give_back(pages: CampaignPages, case_id: str) -> ResponseReturnValue:
    """POST .../give-back: the account is as it was before."""
    return _decide(pages, case_id, pages.base.effects.give_back, "give-back")


def halt(pages: CampaignPages, case_id: str) -> ResponseReturnValue:
    """POST .../halt: what waits does not take effect until it is decided."""
    return _decide(pages, case_id, pages.base.effects.halt, "halt")


def _decide(pages: CampaignPages, case_id: str, decide: _Decide, notice: str) -> ResponseReturnValue:
    page = case_page(case_id)
    with pages.base.database.begin() as connection:
        operator = fresh_operator_of(pages.base, connection, page)
        decide(connection, _case(pages, connection, case_id), operator)
    return noticed(page, notice)


def _case(pages: CampaignPages, connection: Connection, case_id: str) -> Case:
    try:
        return pages.base.effects.cases.get(connection, case_id)
    except LookupError as error:
        raise nothing_here() from error
