"""Forms are answered only when they came from our own page: Flask-WTF, with its token in a signed cookie.

The cookie carries nothing but the random half of the token, and is apart from the session. Whoever signs
someone in or out calls :func:`renew`, so that a token from before is worth nothing after.
"""

from flask import Flask, g, session
from flask_wtf.csrf import CSRFProtect

from broker.web.cookies import Cookies

COOKIE = "vestibule-form"
LIFETIME = 4 * 60 * 60  # seconds; an account page may stay open over lunch


def init(app: Flask, cookies: Cookies) -> None:
    """Check every POST, PUT, PATCH and DELETE. Raises ValueError when the application has no secret key."""
    if not app.secret_key:
        raise ValueError("the application's secret_key must be set before init_web")
    app.config.update(
        SESSION_COOKIE_NAME=cookies.name(COOKIE),
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_DOMAIN=None,
        SESSION_COOKIE_SECURE=cookies.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=LIFETIME,
    )
    CSRFProtect(app)


def protection(app: Flask) -> CSRFProtect:
    """Return the check of ``app``; its ``exempt`` takes the blueprints that answer programs, not browsers."""
    return app.extensions["csrf"]


def renew() -> None:
    """Make every form that was shown to this browser until now worthless."""
    session.clear()
    g.pop("csrf_token", None)  # Flask-WTF keeps the token of this request here
