"""One account of the old world, as operators see it."""

from datetime import date

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Operator
from migrations.accounts.campaign.aliases import DECIDABLE
from migrations.accounts.campaign.outlook import ends_at, outlook
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.shown import case_line
from migrations.accounts.campaign.pages.visit import CampaignPages, account_page, nothing_here, noticed
from migrations.accounts.records import State
from migrations.accounts.visit import fresh_operator_of, operator_of


def show_account(pages: CampaignPages, registry_id: str) -> ResponseReturnValue:
    """GET /operator/migration/accounts/<registry id>."""
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        return _page(pages, connection, operator, registry_id)


def put_exception(pages: CampaignPages, registry_id: str) -> ResponseReturnValue:
    """POST .../exception: with ``until``, a day; without, the exception ends."""
    page, typed = account_page(registry_id), request.form.get("until", "").strip()
    exceptions = pages.campaign.exceptions
    try:
        with pages.base.database.begin() as connection:
            operator = fresh_operator_of(pages.base, connection, page)
            if typed:
                exceptions.give(connection, operator, registry_id, date.fromisoformat(typed))
            else:
                exceptions.end(connection, operator, registry_id)
    except LookupError as error:
        raise nothing_here() from error
    except ValueError:
        problem = f"Give a day such as 2026-12-01: one that is to come, and not after {exceptions.latest}."
        with pages.base.database.read() as connection:
            viewer = operator_of(pages.base, connection)
            return _page(pages, connection, viewer, registry_id, typed, problem), 400
    return noticed(page, "excepted" if typed else "exception_ended")


def _page(
    pages: CampaignPages,
    connection: Connection,
    operator: Operator,
    registry_id: str,
    typed: str | None = None,
    problem: str | None = None,
) -> str:
    effects, settings = pages.base.effects, pages.campaign.settings
    legacy = effects.ledger.get(connection, registry_id)
    if legacy is None:
        raise nothing_here()
    return render_template(
        "migration/operator_account.html",
        here=account_page(registry_id),
        fresh=operator.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
        legacy=legacy,
        state=words.STATES[legacy.state],
        ends_at=ends_at(legacy, settings),
        outlook=outlook(legacy, settings, operator.now),
        packages=sorted(legacy.packages, key=lambda each: (-each.downloads, each.name))[:MOST_PACKAGES],
        cases=[case_line(each) for each in effects.cases.of_registry_account(connection, registry_id)],
        can_confirm=(legacy.state in DECIDABLE or legacy.state is State.WAITING) and not legacy.is_shared,
        can_reject=legacy.state in DECIDABLE and (legacy.is_shared or legacy.is_undecided),
        can_be_excepted=legacy.state in (State.PENDING, State.WAITING, State.FROZEN) and legacy.closed_at is None,
        latest=pages.campaign.exceptions.latest,
        typed=typed,
        problem=problem,
    )


MOST_PACKAGES = 50
"""How many packages are shown."""
