"""Problem details for programs (RFC 9457): how the management API refuses."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:vestibule:problem:"
"""What comes before the code in the ``type`` of a problem."""
RETRY_AFTER = 10
"""Seconds after which to come back, where nobody knows how long it takes (RFC 9110 section 10.2.3)."""
LATER = frozenset({429, 503})
"""The statuses that say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one member of what was sent. ``code`` is for programs, and stays."""

    field: str
    code: str
    detail: str


class Problem(Exception):
    """What ends a request of a program. ``title`` and ``detail`` are our own words; ``code`` stays as it is.

    ``more`` are members beyond those of RFC 9457 section 3.1, of codes and ids only.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.more = more or {}


def answer(problem: Problem, reference: str) -> Response:
    """Return the problem as an answer. ``reference`` is what the log knows the request by."""
    document: dict[str, object] = {
        "type": f"{TYPE}{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "reference": reference,
        **problem.more,
    }
    if problem.errors:
        document["errors"] = [
            {"field": each.field, "code": each.code, "detail": each.detail} for each in problem.errors
        ]
    response = Response(json.dumps(document), status=problem.status, mimetype=MEDIA_TYPE)
    if problem.status in LATER:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers.update(problem.headers)
    return response
