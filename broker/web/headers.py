"""The security headers of every response, and who may keep a copy of it."""

from flask import Flask, Response, g, request

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": over https the CSRF check compares the Referer of our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "payment",
            "usb",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HSTS = "max-age=31536000"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'none'; script-src {script}; "
    "form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
)

STATIC_ENDPOINT = "web.static"
SECURE = "VESTIBULE_SECURE"
"""The key in an application's configuration that says whether its issuer is https."""
_STATIC = "public, max-age=86400"


def allow_any_form_action() -> None:
    """Let the form of the page now being made end up anywhere: it is the one we made, and there is no other."""
    g.form_action = "'self' *"


def allow_script(digest: str) -> None:
    """Let the page now being made run the one inline script with this hash (CSP Level 3, section 2.3.1)."""
    g.script = f"'{digest}'"


def of_programs(*, secure: bool, public: bool) -> tuple[tuple[str, str], ...]:
    """Return what :func:`init` adds to an answer for programs. ``public``: it says itself who may keep it."""
    policy = _POLICY.format(form_action="'self'", script="'none'")
    caching = () if public else (("Cache-Control", "no-store"), ("Vary", "Cookie"))
    insisting = (("Strict-Transport-Security", _HSTS),) if secure else ()
    return (*_FIXED.items(), ("Content-Security-Policy", policy), *insisting, *caching)


def init(app: Flask, *, secure: bool) -> None:
    """Add the headers to every response. ``secure`` says that the issuer is https."""

    app.config[SECURE] = secure

    @app.after_request
    def harden(response: Response) -> Response:
        for name, value in _FIXED.items():
            response.headers[name] = value
        response.headers["Content-Security-Policy"] = _POLICY.format(
            form_action=g.get("form_action", "'self'"), script=g.get("script", "'none'")
        )
        if secure:
            response.headers["Strict-Transport-Security"] = _HSTS
        _limit_caching(response)
        return response


def _limit_caching(response: Response) -> None:
    if request.endpoint == STATIC_ENDPOINT and response.status_code in {200, 206, 304}:
        response.headers["Cache-Control"] = _STATIC
    elif not response.cache_control.public or "Set-Cookie" in response.headers:
        # Whatever it is, it may be personal. A cookie in a shared cache would sign strangers in.
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
