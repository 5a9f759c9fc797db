"""The one error type of the broker, and the page, the JSON or the problem (RFC 9457) it becomes.

An error has a stable code for programs, a sentence and a next step for the person, and a detail for the log.
The page shows a reference number, and the log line has it too.
"""

import logging
import re
from dataclasses import dataclass

from flask import Flask, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from broker.logs import frames
from broker.web import problems, references
from broker.web.problems import LATER, RETRY_AFTER, Problem
from broker.web.texts import Link

_log = logging.getLogger(__name__)

API_BLUEPRINT = "oidc_api"
MANAGEMENT_PREFIX = "/api/"
"""What the paths of the management API begin with, and no other path does."""


class BrokerError(Exception):
    """Something that ends a request here, with a page.

    ``sentence`` and ``next_step`` are shown to the person and must be our own words; ``link`` is a label and
    a URL. ``detail`` goes to the log, and carries nothing personal. ``title`` replaces
    the one that follows from the status, where that one says something else. ``retry_after``: seconds until it
    may be tried again (RFC 9110 section 10.2.3), where that is known. ``quiet``: somebody else tells operators of it.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        sentence: str,
        next_step: str,
        detail: str = "",
        link: tuple[str, str] | None = None,
        title: str | None = None,
        retry_after: int | None = None,
        quiet: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.title = title
        self.status = status
        self.code = code
        self.sentence = sentence
        self.next_step = next_step
        self.detail = detail
        self.link = link
        self.retry_after = retry_after
        self.quiet = quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """``code`` is OAuth's own where it has one (RFC 6749, sections 4.1.2.1 and 5.2)."""

    code: str
    title: str
    sentence: str
    next_step: str


_INVALID = _Text(
    code="invalid_request",
    title="This request does not add up",
    sentence="Something in it is missing or is not as it should be.",
    next_step="Go back to where you came from and start again.",
)
_BROKEN = _Text(
    code="server_error",
    title="Something went wrong on our side",
    sentence="It is not your fault. The problem has been recorded.",
    next_step="Try again in a moment. If it happens again, send us the reference below.",
)
_TEXTS = {
    400: _INVALID,
    403: _Text(
        code="access_denied",
        title="This is not open to you",
        sentence="You may not see this page, or may not do this.",
        next_step="If you think you should, sign in again, or ask whoever sent you here.",
    ),
    404: _Text(
        code="not_found",
        title="There is nothing here",
        sentence="The address may be mistyped, or the page may have moved on.",
        next_step="Check the address, or go back to where you came from.",
    ),
    405: _Text(
        code="method_not_allowed",
        title="That does not work here",
        sentence="This address does not answer this kind of request.",
        next_step="Go back to where you came from and start again.",
    ),
    413: _Text(
        code="request_too_large",
        title="That was too much",
        sentence="The request was larger than anything we take.",
        next_step="Go back and send less.",
    ),
    414: _Text(
        code="request_too_large",
        title="That was too much",
        sentence="The address was longer than anything we take.",
        next_step="Go back to where you came from and start again.",
    ),
    429: _Text(
        code="too_many_requests",
        title="Slow down a little",
        sentence="There were too many requests in a short time.",
        next_step="Wait a few minutes, then try again.",
    ),
    431: _Text(
        code="request_too_large",
        title="That was too much",
        sentence="Your browser sent more along than anything we take.",
        next_step="Delete the cookies of this site in your browser, then try again.",
    ),
    500: _BROKEN,
    503: _Text(
        code="temporarily_unavailable",
        title="We are having trouble right now",
        sentence="Part of the service is not answering. It is not your fault.",
        next_step="Wait a few minutes, then try again.",
    ),
}
_FORM_EXPIRED = _Text(
    code="form_expired",
    title="This form has expired",
    sentence="It was open for too long, or was not sent from our own page. Nothing was changed.",
    next_step="Go back, reload the page and send the form again.",
)
# What RFC 6749, section 5.2, forbids in an error_description.
_NOT_FOR_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
# Headers of an HTTP error that the client needs (RFC 9110, sections 10.2.1, 10.2.3 and 11.6.1).
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


def init(app: Flask) -> None:
    """Register the handlers of every error."""
    app.register_error_handler(BrokerError, _broker_error)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _defect)


def _broker_error(error: BrokerError) -> ResponseReturnValue:
    level = logging.ERROR if error.status >= 500 and not error.quiet else logging.INFO
    _record(level, error.code, error.status, error.detail)
    text = _Text(
        code=error.code,
        title=error.title or _text(error.status).title,
        sentence=error.sentence,
        next_step=error.next_step,
    )
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return _answer(error.status, text, link=error.link, headers=headers)


def _problem(error: Problem) -> ResponseReturnValue:
    _record(logging.INFO, error.code, error.status, "")
    return problems.answer(error, references.current())


def _form_expired(error: CSRFError) -> ResponseReturnValue:
    _record(logging.INFO, _FORM_EXPIRED.code, 400, str(error.description))
    return _answer(400, _FORM_EXPIRED)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if type(error).get_body is not HTTPException.get_body:
        return error  # Authlib raises answers of its own, with the body that their RFC wants
    status = error.code or 500
    text = _text(status)
    _record(logging.INFO, text.code, status, "")
    headers = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
    return _answer(status, text, headers=headers)


def _defect(error: Exception) -> ResponseReturnValue:
    # The frames and the types, without the messages: those quote values, and values can be personal.
    _record(logging.ERROR, _BROKEN.code, 500, "\n" + "".join(frames(error)))
    return _answer(500, _BROKEN)


def _record(level: int, code: str, status: int, detail: str) -> None:
    # The endpoint and not the path: a path can carry a token.
    _log.log(
        level,
        "request ended: code=%s status=%d endpoint=%s reference=%s %s",
        code,
        status,
        request.endpoint,
        references.current(),
        detail,
    )


def _text(status: int) -> _Text:
    return _TEXTS.get(status) or (_BROKEN if status >= 500 else _INVALID)


def _answer(
    status: int,
    text: _Text,
    *,
    link: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> ResponseReturnValue:
    reference = references.current()
    if request.path.startswith(MANAGEMENT_PREFIX):
        said = Problem(status=status, code=text.code, title=text.title, detail=text.sentence, headers=headers)
        return problems.answer(said, reference)
    if _wants_json():
        description = _NOT_FOR_DESCRIPTION.sub("?", text.sentence)
        response = jsonify(error=text.code, error_description=description, reference=reference)
    else:
        page = render_template(
            "error.html",
            title=text.title,
            sentence=text.sentence,
            next_step=text.next_step,
            code=text.code,
            reference=reference,
            link=Link(label=link[0], url=link[1]) if link else None,
        )
        response = make_response(page)
    response.headers.update(headers or {})
    response.status_code = status
    if status in LATER:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER))
    return response


def _wants_json() -> bool:
    # What was refused before it was routed has no blueprint, and was still sent to somewhere.
    if request.blueprint == API_BLUEPRINT or (request.url_rule is None and _leads_to_api(request.path)):
        return True
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def _leads_to_api(path: str) -> bool:
    rules = [rule for rule in current_app.url_map.iter_rules() if rule.endpoint.startswith(f"{API_BLUEPRINT}.")]
    # A rule with a part that varies is known by what comes before it.
    return any(path == rule.rule or _is_below(path, rule.rule) for rule in rules)


def _is_below(path: str, rule: str) -> bool:
    fixed, varies, _ = rule.partition("<")
    return bool(varies) and path.startswith(fixed) and len(path) > len(fixed)
