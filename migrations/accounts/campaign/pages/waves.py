"""Mails: to whom they go, and how fast."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Operator
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.visit import HERE, CampaignPages, conflict, mail_page, nothing_here, noticed
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import AlreadyRunning, Audience, NotSo, Wave, WaveState
from migrations.accounts.visit import fresh_operator_of, operator_of

_PAGE = f"{HERE}/mails"
_LARGEST = 10**9
_VERBS = ("stop", "resume")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A wave as the form says it. Numbers that are left empty are none."""

    template: TemplateName
    audience: Audience
    per_hour: int | None
    most: int | None


class _BadWish(Exception):
    """``problems``: sentences, by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(", ".join(sorted(problems)))
        self.problems = problems


def show_mails(pages: CampaignPages) -> ResponseReturnValue:
    """GET /operator/migration/mails: the texts, the waves, and the form of a new one."""
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        return _page(pages, connection, operator)


def preview_wave(pages: CampaignPages) -> ResponseReturnValue:
    """POST /operator/migration/waves/preview: how many a wave would reach. Nothing is sent."""
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        try:
            wish = _read(pages)
        except _BadWish as bad:
            return _page(pages, connection, operator, problems=bad.problems), 400
        with pages.base.database.read_stale() as copy:  # every account is looked at
            reach = pages.campaign.waves.reach(copy, wish.template, wish.audience)
        return _page(pages, connection, operator, reach=reach if wish.most is None else min(reach, wish.most))


def start_wave(pages: CampaignPages) -> ResponseReturnValue:
    """POST /operator/migration/waves."""
    try:
        with pages.base.database.begin() as connection:
            operator = fresh_operator_of(pages.base, connection, _PAGE)
            wish = _read(pages)
            pages.campaign.waves.start(
                connection, operator, wish.template, wish.audience, per_hour=wish.per_hour, most=wish.most
            )
    except _BadWish as bad:
        with pages.base.database.read() as connection:
            return _page(pages, connection, operator_of(pages.base, connection), problems=bad.problems), 400
    except AlreadyRunning as error:
        raise _already() from error
    return noticed(_PAGE, "started")


def decide_wave(pages: CampaignPages, wave_id: str, verb: str) -> ResponseReturnValue:
    """POST /operator/migration/waves/<wave>/stop or resume."""
    waves = pages.campaign.waves
    if verb not in _VERBS:
        raise nothing_here()
    try:
        with pages.base.database.begin() as connection:
            operator = fresh_operator_of(pages.base, connection, _PAGE)
            (waves.stop if verb == "stop" else waves.resume)(connection, operator, wave_id)
    except LookupError as error:
        raise nothing_here() from error
    except AlreadyRunning as error:
        raise _already() from error
    except NotSo as error:
        sentence = "The wave is not as it was when you saw it: somebody was faster, or it is done."
        raise conflict("wave_changed", sentence, "Look at how it stands now.", _PAGE) from error
    return noticed(_PAGE, verb)


def _already() -> Exception:
    return conflict(
        "wave_running",
        "Another wave is running, and one runs at a time.",
        "Stop that one first, or wait until it is done.",
        _PAGE,
    )


def _read(pages: CampaignPages) -> _Wish:
    problems: dict[str, str] = {}
    form, largest = request.form, pages.campaign.settings.mails_per_hour
    template = next((each for each in TemplateName if each.value == form.get("template")), None)
    audience = next((each for each in Audience if each.value == form.get("audience")), None)
    if template is None:
        problems["template"] = "Choose one of the texts."
    if audience is None:
        problems["audience"] = "Choose whom it goes to."
    per_hour = _number("per_hour", largest, problems, f"Give a number from 1 to {largest}, or leave it empty.")
    most = _number("most", _LARGEST, problems, "Give a number from 1, or leave it empty.")
    if problems or template is None or audience is None:
        raise _BadWish(problems)
    return _Wish(template=template, audience=audience, per_hour=per_hour, most=most)


def _number(name: str, largest: int, problems: dict[str, str], problem: str) -> int | None:
    typed = request.form.get(name, "").strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 12 and 1 <= int(typed) <= largest):
        problems[name] = problem
        return None
    return int(typed)


def _page(
    pages: CampaignPages,
    connection: Connection,
    operator: Operator,
    *,
    problems: Mapping[str, str] | None = None,
    reach: int | None = None,
) -> str:
    campaign = pages.campaign
    return render_template(
        "migration/operator_mails.html",
        here=_PAGE,
        waves_at=f"{HERE}/waves",
        fresh=operator.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
        templates=[
            {
                "page": mail_page(each.name.value),
                "value": each.name.value,
                "name": words.TEMPLATES[each.name],
                "subject": each.subject,
                "edited_at": each.edited_at,
            }
            for each in campaign.templates.all(connection)
        ],
        audiences={each.value: text for each, text in words.AUDIENCES.items()},
        waves=[_shown(each) for each in campaign.waves.all(connection)],
        mails_per_hour=campaign.settings.mails_per_hour,
        typed={name: request.form.get(name, "") for name in ("template", "audience", "per_hour", "most")},
        problems=problems or {},
        reach=reach,
    )


def _shown(wave: Wave) -> dict[str, object]:
    return {
        "id": wave.id,
        "name": words.TEMPLATES[wave.template],
        "audience": words.AUDIENCES[wave.audience],
        "state": words.WAVES[wave.state],
        "sent": wave.sent,
        "most": wave.most,
        "per_hour": wave.per_hour,
        "started_at": wave.started_at,
        "ended_at": wave.ended_at,
        "verb": {WaveState.RUNNING: "stop", WaveState.STOPPED: "resume"}.get(wave.state),
    }
