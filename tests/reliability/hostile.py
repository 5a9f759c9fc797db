"""Requests that no sane client sends, as bytes: hostile in many places at once, or no HTTP at all."""

import random
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote_from_bytes

from tests.oidc.rubbish import HEADERS, METHODS, NAMES, ODD, TYPES

_WORDS = (
    b"authorization_code", b"refresh_token", b"client_credentials", b"urn:ietf:params:oauth:grant-type:device_code",
    b"registry", b"openid", b"code", b"S256", b"generic", b"none", b"login", b"form_post", b"allow", b"ES256",
)  # fmt: skip
_HOST = b"Host: localhost\r\n"
_POST = b"POST /token HTTP/1.1\r\n" + _HOST
_GET = b"GET / HTTP/1.1\r\n"
_BROKEN = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n" + _HOST + b"\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"\x00" * 64,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"GET /\x00 HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + _HOST + b"\r\n",
    _GET + b" folded: x\r\n\r\n",
    _GET + _HOST + b"Host: evil.example\r\n\r\n",
    _GET + _HOST + b"X: " + b"y" * 140_000 + b"\r\n\r\n",
    _GET + _HOST + b"".join(b"X-%d: y\r\n" % number for number in range(500)) + b"\r\n",
    _GET + _HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    _POST + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
    _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _POST + b"Content-Length: -1\r\n\r\n",
    _POST + b"Content-Length: 99999999999999999999\r\n\r\nx",
    _POST + b"Content-Length: 500\r\n\r\nnot so long",
    _POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\nstate=abc",
    _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    _POST + b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
)
# Of whole requests; the rest are broken HTTP, for which a server may also just hang up.
_WHOLE = 0.94


class Rubbish:
    """Makes requests of nothing. ``rules`` are those of the application, ``known`` what there is by their names."""

    def __init__(self, rules: Sequence[str], known: Mapping[str, str], credentials: Sequence[bytes], seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same in every run
        self._rules = rules
        self._known = known
        self._credentials = credentials

    def one(self) -> tuple[bytes, bool]:
        """Return a request, and whether it is one that a server can read to its end."""
        if self._random.random() > _WHOLE:
            return self._random.choice(_BROKEN), False
        pick, chance = self._random.choice, self._random.random
        method = pick(("GET", "POST", "POST", "GET", *METHODS, "BREW", "PROPFIND"))
        query = b"?" + quote_from_bytes(self._form(), safe="%&=+;/?:@!$'()*,-._~").encode() if chance() < 0.5 else b""
        headers = [b"Host: localhost" if chance() < 0.95 else b"Host: " + self._header(self._value())]
        headers.append(b"X-Forwarded-For: %s" % self._address())
        for _ in range(self._random.randrange(3)):
            name = pick(HEADERS).replace("_", "-").encode()
            if name not in (b"TRANSFER-ENCODING", b"HOST", b"EXPECT"):
                headers.append(name + b": " + self._header(self._value()))
        if chance() < 0.5:
            headers.append(pick(self._credentials))
        if chance() < 0.15:
            headers.append(b"Authorization: " + pick((b"Basic ", b"Bearer ", b"DPoP ")) + self._header(self._value()))
        body = self._body() if method in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND") else b""
        if body:
            kind = pick(TYPES).encode("latin-1") if chance() < 0.4 else b"application/x-www-form-urlencoded"
            headers += [b"Content-Type: " + self._header(kind), b"Content-Length: %d" % len(body)]
        elif method != "GET":
            headers.append(b"Content-Length: 0")
        start = b"%s %s%s HTTP/1.1" % (method.encode(), self._path(), query)
        return b"\r\n".join([start, *headers, b"", body]), True

    def _path(self) -> bytes:
        rule = self._random.choice(self._rules)

        def filled(found: re.Match[str]) -> str:
            name = found[1].rpartition(":")[2]
            if name in self._known and self._random.random() < 0.5:
                return self._known[name]
            return quote_from_bytes(self._value(), safe="%.~")

        path = re.sub(r"<([^>]*)>", filled, rule).encode()
        return path if self._random.random() < 0.95 else path + quote_from_bytes(self._value(), safe="%/.").encode()

    def _value(self) -> bytes:
        chance = self._random.random()
        if chance < 0.6:
            return self._random.choice(ODD)
        return self._random.choice(_WORDS) if chance < 0.85 else self._random.randbytes(self._random.randrange(40))

    def _form(self) -> bytes:
        pairs = [
            (self._random.choice(NAMES).encode() if self._random.random() < 0.9 else self._value(), self._value())
            for _ in range(self._random.randrange(6))
        ]
        return b"&".join(b"=".join(pair) for pair in pairs)

    def _body(self) -> bytes:
        chance = self._random.random()
        if chance < 0.7:
            return self._form()
        if chance < 0.95:
            return self._value()
        return b"x=" + b"y" * self._random.choice((1000, 65_000, 66_000, 140_000))

    def _header(self, value: bytes) -> bytes:
        return re.sub(rb"[\r\n\0]", b"", value)

    def _address(self) -> bytes:
        return b"10.%d.%d.%d" % tuple(self._random.randrange(256) for _ in range(3))
