"""Templates and static files, and the few helpers that templates use."""

import mimetypes
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Flask, abort, request
from jinja2 import StrictUndefined
from markupsafe import Markup
from werkzeug.wrappers import Response

from broker.web.texts import what_it_proves

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A static file. ``version`` changes with what is in it."""

    body: bytes
    media_type: str
    version: str

    @classmethod
    def read(cls, path: Path) -> "Asset":
        """Return the file at ``path``."""
        body = path.read_bytes()
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(body=body, media_type=media_type, version=sha256(body).hexdigest()[:12])

    def response(self) -> Response:
        """Return the file, or that the one the browser has is still the one (RFC 9110 section 13.1.2)."""
        response = Response(self.body, mimetype=self.media_type)
        response.set_etag(self.version)
        return response.make_conditional(request)


def init(app: Flask) -> None:
    """Register templates, static files under ``/assets``, and the template helpers."""
    assets = {path.name: Asset.read(path) for path in (_HERE / "static").iterdir()}
    web = Blueprint("web", __name__, template_folder="templates")

    # From memory: they are small, few, and wanted by every page.
    @web.get("/assets/<name>")
    def static(name: str) -> Response:
        if name not in assets:
            abort(404)
        return assets[name].response()

    app.register_blueprint(web)
    # A page that was not given what it shows is a defect; it must not look like an empty page.
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["asset"] = lambda name: f"/assets/{name}?v={assets[name].version}"
    app.jinja_env.globals["what_it_proves"] = what_it_proves
    app.jinja_env.filters["stamp"] = stamp
    app.jinja_env.filters["typeset"] = typeset


def stamp(moment: datetime) -> Markup:
    """Return an aware datetime as a ``<time>`` element, in UTC. Raises ValueError when it knows no zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown")
    utc = moment.astimezone(UTC)
    shown = f"{utc.day} {utc:%b %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", shown)


def typeset(text: str) -> str:
    """Return our own plain text with the apostrophe that belongs in print."""
    return text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
