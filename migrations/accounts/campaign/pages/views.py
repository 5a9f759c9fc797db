"""The addresses of the campaign's pages."""

from flask import Blueprint

from broker.web import routes
from migrations.accounts.campaign.pages import accounts, aliases, cases, dashboard, mails, unsubscribe, waves
from migrations.accounts.campaign.pages.visit import HERE, CampaignPages
from migrations.accounts.visit import answering

_ACCOUNT = f"{HERE}/accounts/<registry_id>"
_MAIL = f"{HERE}/mails/<name>"
_CASE = f"{HERE}/cases/<case_id>"
_SUBSCRIPTION = "/unsubscribe/<token>"


def blueprint(pages: CampaignPages) -> Blueprint:
    """Return the pages."""
    return answering(
        routes.blueprint(
            "campaign",
            pages,
            (
                ("GET", HERE, dashboard.show_progress),
                ("POST", f"{HERE}/search", dashboard.search),
                ("GET", _ACCOUNT, accounts.show_account),
                ("POST", f"{_ACCOUNT}/exception", accounts.put_exception),
                ("GET", f"{HERE}/aliases", aliases.show_aliases),
                ("POST", f"{HERE}/aliases/<registry_id>/<verb>", aliases.decide_alias),
                ("GET", f"{HERE}/mails", waves.show_mails),
                ("GET", _MAIL, mails.show_mail),
                ("POST", _MAIL, mails.save_mail),
                ("POST", f"{_MAIL}/preview", mails.preview_mail),
                ("POST", f"{_MAIL}/reset", mails.reset_mail),
                ("POST", f"{HERE}/waves/preview", waves.preview_wave),
                ("POST", f"{HERE}/waves", waves.start_wave),
                ("POST", f"{HERE}/waves/<wave_id>/<verb>", waves.decide_wave),
                ("GET", f"{HERE}/cases", cases.show_cases),
                ("GET", _CASE, cases.show_case),
                ("POST", f"{_CASE}/uphold", cases.uphold),
                ("POST", f"{_CASE}/give-back", cases.give_back),
                ("POST", f"{_CASE}/halt", cases.halt),
                ("GET", _SUBSCRIPTION, unsubscribe.show_subscription),
                ("POST", f"{_SUBSCRIPTION}/again", unsubscribe.subscribe),
            ),
        )
    )


def one_click_blueprint(pages: CampaignPages) -> Blueprint:
    """Return the address that mail programs may send to without a form of ours: exempt, it looks for itself."""
    return routes.blueprint("one_click", pages, (("POST", _SUBSCRIPTION, unsubscribe.unsubscribe),))
