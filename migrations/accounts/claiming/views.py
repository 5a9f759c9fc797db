"""The addresses of claims, and of the links in mails that stop or undo any case."""

from flask import Blueprint

from broker.web import routes
from migrations.accounts.claiming import objecting, own, pages
from migrations.accounts.claiming.visit import ClaimPages
from migrations.accounts.visit import answering

_ATTEMPT = "/claim/<attempt_id>"
_LINK = "/claim/link/<token>"
_CASE = "/claim/cases/<case_id>"


def blueprint(claim_pages: ClaimPages) -> Blueprint:
    """Return the pages."""
    return answering(
        routes.blueprint(
            "claiming",
            claim_pages,
            (
                ("GET", "/claim", pages.start),
                ("POST", "/claim", pages.begin),
                ("GET", _ATTEMPT, pages.show),
                ("POST", f"{_ATTEMPT}/mail", pages.send_link),
                ("POST", f"{_ATTEMPT}/password", pages.try_password),
                ("POST", f"{_ATTEMPT}/finish", pages.finish),
                ("GET", _LINK, pages.show_link),
                ("POST", _LINK, pages.follow_link),
                ("GET", _CASE, own.show_case),
                ("POST", f"{_CASE}/withdraw", own.withdraw),
                ("GET", "/migration/stop/<token>", objecting.show_stop),
                ("POST", "/migration/stop/<token>", objecting.stop),
                ("GET", "/migration/undo/<token>", objecting.show_undo),
                ("POST", "/migration/undo/<token>", objecting.undo),
            ),
        )
    )
