"""The security headers of every response, and who may keep a copy of it."""

import re
from urllib.parse import urlsplit

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
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")

STATIC_ENDPOINT = "web.static"
_STATIC = "public, max-age=86400"


def allow_form_action(url: str) -> None:
    """Let forms of the page now being made end up at the origin of ``url``.

    Chromium applies ``form-action`` to the redirects after a POST too, so a form whose answer redirects
    elsewhere needs that origin named on the page that holds the form. Raises ValueError unless the URL is
    http or https.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError("a form may only end up at an http or https origin")
    port = f":{parts.port}" if parts.port is not None else ""
    g.setdefault("form_action", []).append(f"{parts.scheme}://{host}{port}")


def allow_any_form_action() -> None:
    """Let the form of the page now being made end up anywhere: it is the one we made, and there is no other."""
    g.setdefault("form_action", []).append("*")


def allow_script(digest: str) -> None:
    """Let the page now being made run the one inline script with this hash (CSP Level 3, section 2.3.1)."""
    g.script = f"'{digest}'"


def init(app: Flask, *, secure: bool) -> None:
    """Add the headers to every response. ``secure`` says that the issuer is https."""

    @app.after_request
    def harden(response: Response) -> Response:
        for name, value in _FIXED.items():
            response.headers[name] = value
        origins = ["'self'", *g.get("form_action", ())]
        response.headers["Content-Security-Policy"] = _POLICY.format(
            form_action=" ".join(origins), script=g.get("script", "'none'")
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
