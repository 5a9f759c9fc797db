"""The page behind the link in each campaign mail, and the address that mail programs send one click to (RFC 8058)."""

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue

from broker.web import csrf
from broker.web.errors import BrokerError
from migrations.accounts.campaign.pages.visit import CampaignPages, noticed

_ONE_CLICK = "One-Click"


def show_subscription(pages: CampaignPages, token: str) -> ResponseReturnValue:
    """GET /unsubscribe/<token>: mail scanners follow links, so only a button does it."""
    with pages.base.database.read() as connection:
        found = pages.campaign.unsubscribing.find(connection, token)
    if found is None:
        raise _unknown()
    return render_template(
        "migration/campaign_unsubscribe.html",
        registry=pages.campaign.settings.registry,
        here=_page(token),
        subscribed=found.subscribed,
        done=request.args.get("notice") == "done",
    )


def unsubscribe(pages: CampaignPages, token: str) -> ResponseReturnValue:
    """POST /unsubscribe/<token>, by the button or by a mail program, which has no form of ours (RFC 8058, 3.1)."""
    if request.form.get("List-Unsubscribe") != _ONE_CLICK:
        csrf.protection(current_app).protect()
    with pages.base.database.begin() as connection:
        known = pages.campaign.unsubscribing.unsubscribe(connection, token, pages.base.clock())
    return _answer(token, known=known)


def subscribe(pages: CampaignPages, token: str) -> ResponseReturnValue:
    """POST /unsubscribe/<token>/again: by the button alone."""
    with pages.base.database.begin() as connection:
        known = pages.campaign.unsubscribing.subscribe(connection, token, pages.base.clock())
    return _answer(token, known=known)


def _answer(token: str, *, known: bool) -> ResponseReturnValue:
    if not known:
        raise _unknown()
    # Mail programs are to get no redirect (RFC 8058, section 3.1).
    if request.form.get("List-Unsubscribe") == _ONE_CLICK:
        return "", 200, {"Content-Type": "text/plain; charset=utf-8"}
    return noticed(_page(token), "done")


def _page(token: str) -> str:
    return f"/unsubscribe/{token}"


def _unknown() -> BrokerError:
    return BrokerError(
        status=404,
        code="not_found",
        title="This link is not one of ours",
        sentence="It may have been cut short in the mail. Nothing was changed.",
        next_step="Copy the whole address from the mail into the browser.",
        detail="no such unsubscribing token",
    )
