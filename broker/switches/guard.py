"""While nothing may be changed: what goes on, and what everything else is answered.

Sign-in of those who are known goes on, and so does all that ends or checks what was granted.
"""

from collections.abc import Callable
from datetime import datetime

from flask import Flask, request

from broker.switches.service import Switches
from broker.web.errors import BrokerError

RETRY_AFTER = 300
"""Seconds after which to try again: nobody knows how long the switch stays thrown."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
GOES_ON = frozenset(
    {
        # Signing in, and what a person lets a registry know on the way.
        "oidc_form.authorize_by_form",
        "callback.posted",
        "consent.answer",
        "signin.look_up",
        "device.enter",
        "device.answer",
        # Tokens.
        "oidc_api.push",
        "oidc_api.device_authorization",
        "oidc_api.token",
        "oidc_api.introspect",
        "oidc_api.userinfo",
        "oidc_api.poll",
        # Signing out, and taking back.
        "oidc_api.revoke",
        "logout_form.by_form",
        "logout.confirm",
        "signin.sign_out",
        "accounts.end_session",
        "accounts.end_other_sessions",
        "accounts.sign_out_everywhere",
        "accounts.withdraw",
        # Or nobody could take this very switch back by the page where it was thrown.
        "operators.throw_switch",
        "operators.restore_switch",
    }
)
"""The endpoints that take more than GET and are answered as ever. One that is new is not among them by itself."""


def init(app: Flask, switches: Switches, clock: Callable[[], datetime]) -> None:
    """Refuse every other request that could change something, as long as the switch is thrown."""

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        switches.end()

    @app.before_request
    def hold() -> None:
        switches.begin()
        if request.method in _READING or request.endpoint is None or request.endpoint in GOES_ON:
            return
        if switches.thrown(clock()).read_only:
            raise read_only()


def read_only() -> BrokerError:
    """Return the error for a change while nothing may be changed."""
    return BrokerError(
        status=503,
        code="read_only",
        title="Nothing can be changed right now",
        sentence="This service is being worked on, and takes no changes. Nothing was changed. "
        "Signing in, signing out and taking back access work as ever.",
        next_step="Try again later: whatever you wanted to change is as it was.",
        detail="read-only",
        retry_after=RETRY_AFTER,
    )
