"""How far the campaign is, who is left, and finding one account."""

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from migrations.accounts.campaign import curve, phases
from migrations.accounts.campaign.finding import find_all
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.visit import CampaignPages, account_page
from migrations.accounts.campaign.progress import progress
from migrations.accounts.records import LegacyAccount
from migrations.accounts.visit import operator_of

_NOT_FOUND = "There is no account of exactly this id, user name or address."


def show_progress(pages: CampaignPages) -> ResponseReturnValue:
    """GET /operator/migration."""
    return _page(pages)


def search(pages: CampaignPages) -> ResponseReturnValue:
    """POST /operator/migration/search: what is looked for is personal, and not for URLs. It changes nothing."""
    typed = request.form.get("account", "")
    with pages.base.database.read() as connection:
        operator_of(pages.base, connection)
        found = find_all(connection, pages.base.effects.ledger, pages.index, typed)
    if len(found) == 1:
        return redirect(account_page(found[0].registry_id), code=303)
    if found:
        return _page(pages, typed=typed, found=found)
    return _page(pages, typed=typed, problem=_NOT_FOUND), 404


def _page(
    pages: CampaignPages, *, typed: str = "", found: list[LegacyAccount] | None = None, problem: str | None = None
) -> str:
    settings = pages.campaign.settings
    with pages.base.database.read() as connection:
        now = operator_of(pages.base, connection).now
    with pages.base.database.read_stale() as connection:  # every account is counted
        at = progress(connection, settings, now)
    calendar, coming = phases.calendar(settings), pages.campaign.next_phase(now)
    return render_template(
        "migration/operator_progress.html",
        registry=settings.registry,
        phase=words.PHASES[pages.campaign.phase(now)],
        told=pages.campaign.told(now),
        coming=None if coming is None else {"name": words.PHASES[coming[0]], "at": coming[1]},
        days_left=max(0, (phases.closes_at(settings) - now).days),
        calendar=[{"name": words.PHASES[each], "at": begins, "begun": begins <= now} for each, begins in calendar],
        counts=[_counts("All", at.everyone), _counts("Widely used", at.widely_used)],
        to_decide=at.to_decide,
        proposed=at.everyone.proposed,
        weeks=at.weeks,
        curve=curve.draw(at.weeks, [begins for _, begins in calendar]),
        size={"width": curve.WIDTH, "height": curve.HEIGHT},
        left=at.left,
        typed=typed,
        found=found or [],
        problem=problem,
    )


def _counts(heading: str, counts: object) -> dict[str, object]:
    return {"heading": heading, "of": counts}
