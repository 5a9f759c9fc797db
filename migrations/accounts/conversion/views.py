"""The addresses of the pages of a conversion."""

from flask import Blueprint

from broker.web import routes
from migrations.accounts.conversion import accepting, standing, starting
from migrations.accounts.conversion.visit import ConversionPages
from migrations.accounts.visit import answering


def blueprint(pages: ConversionPages) -> Blueprint:
    """Return the pages."""
    return answering(
        routes.blueprint(
            "conversion",
            pages,
            (
                ("GET", "/convert/<attempt_id>", starting.show),
                ("POST", "/convert/<attempt_id>", starting.start),
                ("GET", "/convert/accept/<token>", accepting.door),
                ("POST", "/convert/accept/<token>", accepting.accept),
                ("GET", "/convert/cases/<case_id>", standing.show_case),
                ("POST", "/convert/cases/<case_id>/withdraw", standing.withdraw),
            ),
        )
    )
