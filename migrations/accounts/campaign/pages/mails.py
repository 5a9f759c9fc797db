"""Mails: what they say."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Operator
from migrations.accounts.campaign.letters import sample
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.visit import CampaignPages, mail_page, nothing_here, noticed
from migrations.accounts.campaign.templates import (
    IN_SUBJECTS,
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    PLACEHOLDERS,
    BadTemplate,
    Template,
    TemplateName,
    default,
    fill,
    read,
)
from migrations.accounts.records import LegacyAccount
from migrations.accounts.visit import fresh_operator_of, operator_of

_NO_ACCOUNT = "There is no account of this id."


def show_mail(pages: CampaignPages, name: str) -> ResponseReturnValue:
    """GET /operator/migration/mails/<name>."""
    template_name = _name(name)
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        return _page(pages, connection, operator, pages.campaign.templates.get(connection, template_name))


def save_mail(pages: CampaignPages, name: str) -> ResponseReturnValue:
    """POST /operator/migration/mails/<name>."""
    page = mail_page(_name(name).value)
    try:
        with pages.base.database.begin() as connection:
            operator = fresh_operator_of(pages.base, connection, page)
            pages.campaign.templates.save(connection, operator, read(*_typed(name)))
    except BadTemplate as bad:
        return _again(pages, name, bad), 400
    return noticed(page, "saved")


def preview_mail(pages: CampaignPages, name: str) -> ResponseReturnValue:
    """POST .../preview: what is typed, as a mail to an account, or to one that is made up. Nothing is saved."""
    account = request.form.get("account", "").strip()
    try:
        template = read(*_typed(name))
    except BadTemplate as bad:
        return _again(pages, name, bad), 400
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        legacy = pages.base.effects.ledger.get(connection, account) if account else sample()
        if legacy is None:
            problems = {"account": _NO_ACCOUNT}
            return _page(pages, connection, operator, template, problems=problems, account=account), 404
        return _page(pages, connection, operator, template, legacy=legacy, account=account)


def reset_mail(pages: CampaignPages, name: str) -> ResponseReturnValue:
    """POST .../reset: the text that comes with the broker again."""
    template_name = _name(name)
    page = mail_page(template_name.value)
    with pages.base.database.begin() as connection:
        operator = fresh_operator_of(pages.base, connection, page)
        pages.campaign.templates.reset(connection, operator, template_name)
    return noticed(page, "reset")


def _name(name: str) -> TemplateName:
    try:
        return TemplateName(name)
    except ValueError as error:
        raise nothing_here() from error


def _typed(name: str) -> tuple[TemplateName, str, str]:
    return _name(name), request.form.get("subject", ""), request.form.get("text", "")


def _again(pages: CampaignPages, name: str, bad: BadTemplate) -> str:
    """Show what was typed, with what is wrong about it."""
    template_name, subject, text = _typed(name)
    typed = Template(name=template_name, subject=subject, text=text)
    with pages.base.database.read() as connection:
        operator = operator_of(pages.base, connection)
        account = request.form.get("account", "")
        return _page(pages, connection, operator, typed, problems=bad.problems, account=account)


def _page(
    pages: CampaignPages,
    connection: Connection,
    operator: Operator,
    template: Template,
    *,
    problems: object = None,
    legacy: LegacyAccount | None = None,
    account: str = "",
) -> str:
    saved = pages.campaign.templates.get(connection, template.name)
    values = pages.campaign.letters.values(legacy, operator.now) if legacy is not None else None
    subject, text = fill(template, values) if values is not None else ("", "")
    return render_template(
        "migration/operator_mail.html",
        here=mail_page(template.name.value),
        fresh=operator.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
        name=words.TEMPLATES[template.name],
        template=template,
        edited_at=saved.edited_at,
        original=default(template.name),
        placeholders=[f"{{{each}}}" for each in PLACEHOLDERS],
        in_subjects=[f"{{{each}}}" for each in PLACEHOLDERS if each in IN_SUBJECTS],
        longest={"subject": LONGEST_SUBJECT, "text": LONGEST_TEXT},
        problems=problems or {},
        preview={"subject": subject, "text": text} if values is not None else None,
        account=account,
    )
