"""The end of a session that a registry asks for: ``end_session_endpoint``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from broker.oidc.clients import Clients
from broker.oidc.logout.request import LogoutRequest, read, refused
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.id_token import IdTokens
from broker.signin.browser import Browser
from broker.signin.ending import EndedBy, Ending
from broker.signin.sessions import Session, Sessions
from broker.web import csrf, routes
from broker.web.relay import PARAMETER, NoRelay, Relay
from broker.web.text import is_text

PLACE = "/logout"
_UNREADABLE = "What the registry sent cannot be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutPages:
    """What the pages work with."""

    clients: Clients
    id_tokens: IdTokens
    sessions: Sessions
    ending: Ending
    subjects: Subjects
    browser: Browser
    relay: Relay
    clock: Callable[[], datetime]


def blueprint(pages: LogoutPages) -> Blueprint:
    """Return the pages. What is posted from other sites is :func:`form_blueprint`."""
    return routes.blueprint("logout", pages, (("GET", "/logout", logout), ("POST", "/logout/confirm", confirm)))


def form_blueprint(pages: LogoutPages) -> Blueprint:
    """Return the endpoint that registries post to. It is exempt from the form check, and changes nothing."""
    return routes.blueprint("logout_form", pages, (("POST", "/logout", by_form),))


def logout(pages: LogoutPages) -> ResponseReturnValue:
    """GET /logout (OpenID Connect RP-Initiated Logout 1.0, section 2)."""
    now = pages.clock()
    relayed = request.args.get(PARAMETER)
    try:
        parameters = dict(request.args.lists()) if relayed is None else pages.relay.open(PLACE, relayed, now)
    except NoRelay as error:
        raise refused("It was begun too long ago, or somewhere else.", str(error)) from error
    asked = read(parameters, pages.clients, pages.id_tokens, now)
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    if session is not None:
        if not _is_meant(pages, asked, session):
            return _ask(asked)
        _end(pages, asked, session, now)
    return _over(pages, _signed_out(asked) if asked.hint is None else _onward(asked))


def _is_meant(pages: LogoutPages, asked: LogoutRequest, session: Session) -> bool:
    """Return whether the hint names this very session, as its client knows it."""
    if asked.hint is None or asked.client is None:
        return False
    return asked.hint.sid == pages.subjects.sid(asked.client, session.sid)


def by_form(pages: LogoutPages) -> ResponseReturnValue:
    """POST /logout (section 2). A form from another site brings no cookies: ask again by GET."""
    if request.args or request.mimetype != "application/x-www-form-urlencoded":
        raise refused(_UNREADABLE, "not a form")
    if not is_text(request.get_data()):
        raise refused(_UNREADABLE, "not UTF-8")
    sealed = pages.relay.seal(PLACE, dict(request.form.lists()), pages.clock())
    return redirect(f"/logout?{PARAMETER}={quote(sealed)}", code=303)


def confirm(pages: LogoutPages) -> ResponseReturnValue:
    """POST /logout/confirm: the person has said yes."""
    now = pages.clock()
    asked = read(dict(request.form.lists()), pages.clients, pages.id_tokens, now)
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    if session is not None:
        _end(pages, asked, session, now)
    return _over(pages, _onward(asked, from_form=True))


def _ask(asked: LogoutRequest) -> ResponseReturnValue:
    """Section 2: without the ID token of this session, the person is asked."""
    fields = {
        "client_id": asked.client.client_id if asked.client else None,
        "post_logout_redirect_uri": asked.post_logout_redirect_uri,
        "state": asked.state,
    }
    return render_template(
        "logout.html",
        client_name=asked.client.name if asked.client else None,
        returns=asked.return_url is not None,
        fields={name: value for name, value in fields.items() if value is not None},
    )


def _end(pages: LogoutPages, asked: LogoutRequest, session: Session, now: datetime) -> None:
    client_id = asked.client.client_id if asked.client else None
    pages.ending.end(session, now, EndedBy.REGISTRY if asked.client else EndedBy.SIGN_OUT, client_id)
    csrf.renew()


def _over(pages: LogoutPages, response: Response) -> Response:
    pages.browser.sign_out(response)
    return response


def _onward(asked: LogoutRequest, *, from_form: bool = False) -> Response:
    """Return the way back to the registry (section 3), or the page that says it is over."""
    if asked.client is None or asked.return_url is None:
        return _signed_out(asked)
    if from_form:
        # By a page of its own: Chromium holds the redirects after a POST to form-action, the registry's own as well.
        return make_response(render_template("leave.html", target_name=asked.client.name, url=asked.return_url))
    return make_response(redirect(asked.return_url, code=303))


def _signed_out(asked: LogoutRequest) -> Response:
    link = {"label": "Sign in again", "url": "/signin"}
    if asked.return_url is not None:
        link = {"label": "Back to the registry", "url": asked.return_url}
    page = render_template(
        "message.html",
        title="You are signed out",
        sentence="No session of yours is open here in this browser.",
        steps=("Sign out of your provider as well if other people use this device.",),
        link=link,
    )
    return make_response(page)
