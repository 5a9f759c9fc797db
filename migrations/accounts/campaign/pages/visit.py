"""What the pages work with, their addresses, and what is answered where there is nothing."""

from dataclasses import dataclass
from urllib.parse import quote

from flask import redirect
from flask.typing import ResponseReturnValue

from broker.keys.pseudonyms import BlindIndex
from broker.web.errors import BrokerError
from migrations.accounts.campaign.campaign import Campaign
from migrations.accounts.recovery.service import Recovery
from migrations.accounts.visit import OldWorldPages

HERE = "/operator/migration"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPages:
    """What they work with."""

    base: OldWorldPages
    campaign: Campaign
    index: BlindIndex
    recovery: Recovery


def account_page(registry_id: str) -> str:
    """Return the path of an account's page."""
    return f"{HERE}/accounts/{quote(registry_id, safe='')}"


def case_page(case_id: str) -> str:
    """Return the path of a case's page."""
    return f"{HERE}/cases/{case_id}"


def mail_page(name: str) -> str:
    """Return the path of a template's page."""
    return f"{HERE}/mails/{name}"


def noticed(page: str, notice: str) -> ResponseReturnValue:
    """Go on to a page, which says what happened."""
    return redirect(f"{page}?notice={notice}", code=303)


def nothing_here() -> BrokerError:
    """Return the error for what is not there."""
    return BrokerError(
        status=404,
        code="not_found",
        sentence="There is no such thing here, or not any more.",
        next_step="Go back; the pages of the campaign show what there is.",
        detail="no such account, case, wave or template",
        link=("The campaign", HERE),
    )


def conflict(code: str, sentence: str, next_step: str, page: str) -> BrokerError:
    """Return the error for what cannot be done as things are."""
    return BrokerError(
        status=409,
        code=code,
        title="Nothing was changed",
        sentence=sentence,
        next_step=next_step,
        detail=code,
        link=("Go back", page),
    )
