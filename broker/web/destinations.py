"""Where a browser goes on to: by redirect, or with a form that posts itself to another site."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import make_response, redirect, render_template
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

from broker.web.call import Answer
from broker.web.headers import allow_any_form_action, allow_script

_HTML = "text/html; charset=utf-8"
# The page works without it, by its button; the policy allows this one script, by its hash, and only there.
_SUBMIT = "document.forms[0].submit()"
_SUBMIT_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL to go to, or to post ``fields`` to (OAuth 2.0 Form Post Response Mode)."""

    url: str
    fields: Mapping[str, str] | None = None


OUTCOME = "vestibule.outcome"
"""The key of what was found out below Flask, for Flask to make a page of."""


def redirect_below(url: str, cookies: Iterable[str] = ()) -> Answer:
    """Return the answer that sends the browser there, below Flask. ``cookies``: each a header's value."""
    location = url if url.isascii() else iri_to_uri(url)
    told = tuple(("Set-Cookie", each) for each in cookies)
    return Answer(body=b"", status=302, headers=(("Location", location), ("Content-Type", _HTML), *told))


def leave(destination: Destination) -> Response:
    """Return the answer that sends the browser there."""
    if destination.fields is None:
        return redirect(destination.url)
    # Wherever its receiver redirects to: Chromium holds form-action against that as well.
    allow_any_form_action()
    allow_script(_SUBMIT_HASH)
    page = render_template("form_post.html", url=destination.url, fields=destination.fields, script=_SUBMIT)
    return make_response(page)


def leave_from_form(destination: Destination, name: str) -> Response:
    """Return the answer to a form of ours that sends the browser on to ``name``.

    Not a redirect: Chromium would hold our ``form-action`` against every redirect that follows, the receiver's too.
    """
    if destination.fields is not None:
        return leave(destination)
    return make_response(render_template("leave.html", target_name=name, url=destination.url))
