"""Accounts that several people seem to share: a person decides."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from migrations.accounts.campaign.aliases import MOST
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.visit import HERE, CampaignPages, account_page, nothing_here, noticed
from migrations.accounts.visit import fresh_operator_of, operator_of

_PAGE = f"{HERE}/aliases"
_VERBS = {"confirm": True, "reject": False}


def show_aliases(pages: CampaignPages) -> ResponseReturnValue:
    """GET /operator/migration/aliases: those that rules proposed, and why."""
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        found = pages.campaign.aliases.proposed(connection, request.args.get("after", ""))
    return render_template(
        "migration/operator_aliases.html",
        here=_PAGE,
        fresh=operator.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
        proposed=[{"page": account_page(each.legacy.registry_id), "of": each} for each in found],
        after=found[-1].legacy.registry_id if len(found) == MOST else None,
    )


def decide_alias(pages: CampaignPages, registry_id: str, verb: str) -> ResponseReturnValue:
    """POST .../aliases/<registry id>/confirm or reject; back to the page that it was sent from."""
    page = account_page(registry_id) if request.form.get("page") == "account" else _PAGE
    if verb not in _VERBS:
        raise nothing_here()
    try:
        with pages.base.database.begin() as connection:
            operator = fresh_operator_of(pages.base, connection, page)
            pages.campaign.aliases.decide(connection, operator, registry_id, shared=_VERBS[verb])
    except LookupError as error:
        raise nothing_here() from error
    return noticed(page, verb)
