"""What the stand-ins show in the browser, and how they send it back."""

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Response, render_template

from .personas import Persona
from .toggles import Who
from .world import World

Fields = list[tuple[str, str]]


def choose(who: str, personas: Sequence[Persona], hint: str | None, *, note: str = "") -> Response:
    """Return the sign-in page: one button for each persona, the one ``hint`` names first."""
    ordered = sorted(personas, key=lambda person: hint not in (person.id, person.email))
    return _page("choose.html", who=who, personas=ordered, note=note)


def second_factor(who: str, persona: Persona) -> Response:
    """Return the fake MFA screen. Its button is ``mfa=approve``."""
    return _page("second_factor.html", who=who, persona=persona)


def confirm(who: str, heading: str, text: str, name: str, choices: Sequence[tuple[str, str]], kept: Fields) -> Response:
    """Return a page that asks one question: ``choices`` are (value, label) of the buttons called ``name``;
    ``kept`` are fields to be sent along.
    """
    return _page("confirm.html", who=who, heading=heading, text=text, name=name, choices=choices, kept=kept)


def message(who: str, heading: str, text: str, status: int) -> Response:
    """Return a page that only tells something, such as an error that must not be redirected."""
    return _page("message.html", status, who=who, heading=heading, text=text)


def send_back(world: World, provider: Who, redirect_uri: str, fields: Fields, *, form_post: bool = False) -> Response:
    """Return the authorization response: a redirect (RFC 6749, section 4.1.2), or a form that posts itself
    (OAuth 2.0 Form Post Response Mode), spoiled by whatever toggle is on.
    """
    fields = _spoiled(world, provider, fields)
    if form_post:
        return _page("form_post.html", url=redirect_uri, fields=fields)
    parts = urlsplit(redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return Response(status=302, headers={"Location": urlunsplit(parts._replace(query=query))})


def _spoiled(world: World, provider: Who, fields: Fields) -> Fields:
    if world.toggles.on("no_state", provider):
        fields = [(name, value) for name, value in fields if name != "state"]
    if world.toggles.on("wrong_state", provider):
        fields = [(name, "another-state" if name == "state" else value) for name, value in fields]
    if world.toggles.on("duplicate_parameters", provider):
        fields = [*fields, *((name, "twice") for name, _ in fields if name in ("code", "state"))]
    return fields


def _page(template: str, status: int = 200, **values: object) -> Response:
    return Response(render_template(template, **values), status=status, mimetype="text/html")
