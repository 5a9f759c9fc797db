"""What no sane client sends: raw requests by WSGI, past everything that a library would put right."""

import io
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_from_bytes

from flask import Flask
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.routing import Rule
from werkzeug.test import run_wsgi_app

ODD = (
    b"", b"\x00", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\N{SNOWMAN}".encode(), "\u202e".encode(),
    b"%", b"%zz", b"%00", b"%ff", b"%ed%a0%80", b"%0d%0aX: y", b"%252e%252e%252f", b"+", b"&", b"=", b";", b"a=1&a=2",
    b"..", b"../../etc/passwd", b"//evil.example", b"/\\evil.example", b"\\", b"'", b'"', b"' OR 1=1 --", b"<script>",
    b"{{7*7}}", b"${x}", b"{}", b"[]", b"[" * 500, b'{"a":' * 200, b"null", b"None", b"NaN", b"true", b"-1", b"1e999",
    b"9" * 400, b"0x10", b"a" * 5000, b"http://[", b"http://[::1", b"http://a:b@c:99999/", b"javascript:alert(1)",
    b"urn:ietf:params:oauth:request_uri:x", b"e30.e30.e30", b"e30.W10.", b"MQ.MQ.MQ", b"..", b"Basic", b"Bearer ",
)  # fmt: skip
TYPES = (
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "application/json",
    "application/json; charset=utf-7", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain",
    "multipart/mixed; boundary=x", "application/x-www-form-urlencoded, application/json", "\x80", "", ";;;=",
)  # fmt: skip
HEADERS = (
    "ACCEPT", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "CONTENT_ENCODING", "COOKIE", "DPOP", "EXPECT", "FORWARDED", "HOST",
    "IF_MATCH", "IF_MODIFIED_SINCE", "IF_NONE_MATCH", "IF_RANGE", "ORIGIN", "RANGE", "REFERER", "TRANSFER_ENCODING",
    "USER_AGENT", "X_CSRFTOKEN", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_HTTP_METHOD_OVERRIDE",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# Every parameter there is, of any endpoint or page.
NAMES = (
    "access_token", "acr_values", "action", "admin_consent", "answer", "approved", "bindings", "claims",
    "client_assertion", "client_assertion_type", "client_id", "client_secret", "code", "code_challenge",
    "code_challenge_method", "code_verifier", "confirm", "context", "correlation_id", "csrf_token", "cursor",
    "device_code", "display", "domains", "dpop_jkt", "email", "error", "every_time", "fresh", "grant_type", "guests",
    "id_token_hint", "iss", "last_day", "limit", "login_hint", "max_age", "members", "name", "next", "nonce", "notice",
    "people", "post_logout_redirect_uri", "prompt", "provider", "providers", "reason", "redirect_uri", "refresh_token",
    "relay", "request", "request_uri", "resource", "response_mode", "response_type", "role", "scope", "search",
    "session_length", "sign", "state", "strength", "tenant", "tenants", "token", "token_type_hint", "ui_locales",
    "user_code", "v", "work",
)  # fmt: skip

VALUES = st.sampled_from(ODD) | st.binary(max_size=40)
PAIRS = st.tuples(st.sampled_from([name.encode() for name in NAMES]) | VALUES, VALUES)
FORMS = st.lists(PAIRS, max_size=5).map(lambda pairs: b"&".join(b"=".join(pair) for pair in pairs)) | VALUES
# A server takes no line breaks and no NUL in a header; all else it may pass on, as Latin-1 (PEP 3333).
HEADER_VALUES = VALUES.map(lambda value: re.sub(rb"[\r\n\0]", b"", value).decode("latin-1"))
AUTHORIZATIONS = st.builds(
    "{} {}".format, st.sampled_from(("Basic", "basic", "Bearer", "BEARER", "DPoP", "Digest", "")), HEADER_VALUES
)
# Nor anything in a query but what can stand in a request line.
QUERIES = FORMS.map(lambda query: quote_from_bytes(query, safe="%&=+;/?:@!$'()*,-._~[]{}<>\"\\^`|"))


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. ``path`` is decoded, as WSGI has it."""

    method: str = "GET"
    path: bytes = b"/"
    query: str = ""
    content_type: str = ""
    length: str | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it."""

    status: int
    headers: Headers
    text: str


def requests(rules: Sequence[Rule], known: Mapping[str, str] | None = None) -> st.SearchStrategy[Request]:
    """Return requests to any of the rules that are wrong in many places at once.

    ``known``: what there is, by the names that the rules have for it. Half of the addresses are right as far as that.
    """
    return st.sampled_from(rules).flatmap(lambda rule: _requests(rule, known or {}))


def _requests(rule: Rule, known: Mapping[str, str]) -> st.SearchStrategy[Request]:
    headers = st.dictionaries(st.sampled_from([f"HTTP_{name}" for name in HEADERS]), HEADER_VALUES, max_size=3)
    own = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    return st.builds(
        Request,
        method=st.sampled_from([*own * 4, *METHODS]),
        path=_paths(rule.rule) | _right(rule.rule, known),
        query=st.just("") | QUERIES,
        content_type=st.sampled_from(TYPES) | HEADER_VALUES,
        length=st.none() | st.sampled_from(("", "-1", "0", "1", "abc", "70000", "9" * 30)),
        body=FORMS,
        headers=headers | st.builds(_with_authorization, headers, AUTHORIZATIONS),
    )


def _paths(rule: str) -> st.SearchStrategy[bytes]:
    """Return addresses of a rule, with anything in the place of what varies."""
    first, *others = (part.encode() for part in re.split(r"<[^>]*>", rule))
    between = st.lists(VALUES, min_size=len(others), max_size=len(others))
    return between.map(lambda values: first + b"".join(map(b"".join, zip(values, others, strict=True))))


def _right(rule: str, known: Mapping[str, str]) -> st.SearchStrategy[bytes]:
    """Return addresses of a rule with what there is, and with anything in the place of what is not known."""
    filled = re.sub("<([^>]*)>", lambda found: known.get(found[1], found[0]), rule)
    return _paths(filled)


def _with_authorization(headers: Mapping[str, str], value: str) -> dict[str, str]:
    return {**headers, "HTTP_AUTHORIZATION": value}


def ask(app: Flask, request: Request) -> Answer:
    """Hand a request to the application as a server would."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.decode("latin-1"),
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.content_type,
        "CONTENT_LENGTH": str(len(request.body)) if request.length is None else request.length,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **request.headers,
    }
    body, status, headers = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return Answer(status=int(status[:3]), headers=headers, text=b"".join(body).decode())
