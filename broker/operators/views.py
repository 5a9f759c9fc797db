"""The addresses of the operators' pages about the broker."""

from flask import Blueprint

from broker.operators import sign_ins, switches
from broker.operators.context import OperatorPages
from broker.tenants.pages import answers
from broker.web import routes


def blueprint(pages: OperatorPages) -> Blueprint:
    """Return the pages."""
    room = routes.blueprint(
        "operators",
        pages,
        (
            ("GET", sign_ins.PAGE, sign_ins.show_sign_ins),
            ("GET", switches.PAGE, switches.show_switches),
            ("GET", switches.THROW, switches.consider_switch),
            ("POST", switches.THROW, switches.throw_switch),
            ("POST", switches.RESTORE, switches.restore_switch),
        ),
    )
    answers.register(room)
    return room
