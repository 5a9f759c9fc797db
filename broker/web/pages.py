"""Templates and static files, and the few helpers that templates use."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Flask
from jinja2 import StrictUndefined
from markupsafe import Markup

from broker.web.texts import what_it_proves

_HERE = Path(__file__).parent


def init(app: Flask) -> None:
    """Register templates, static files under ``/assets``, and the template helpers."""
    app.register_blueprint(
        Blueprint("web", __name__, template_folder="templates", static_folder="static", static_url_path="/assets")
    )
    # A page that was not given what it shows is a defect; it must not look like an empty page.
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    versions = {path.name: sha256(path.read_bytes()).hexdigest()[:12] for path in (_HERE / "static").iterdir()}
    app.jinja_env.globals["asset"] = lambda name: f"/assets/{name}?v={versions[name]}"
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
