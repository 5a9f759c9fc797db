"""T10: what holds for every address, and for every form that a browser could be made to send."""

from collections.abc import Callable

import requests

from tests.security.table.house import House
from tests.security.table.places import Check

Path = str | Callable[[House], str]
FOREIGN = "evil.example"
LIES = {
    "Host": FOREIGN,
    "X-Forwarded-Host": FOREIGN,
    "X-Forwarded-Server": FOREIGN,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-For": "192.0.2.1",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X-HTTP-Method-Override": "GET",
    "Forwarded": f"host={FOREIGN};proto=https",
    "Origin": f"https://{FOREIGN}",
}
PUBLIC = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks")


def address(method: str, at: Path, *, form: bool = False) -> Check:
    """Nobody keeps the answer, no header says where we are, and cookies are as they must be.

    ``form``: what is posted here must come from a page of ours.
    """

    def check(house: House) -> None:
        path = at if isinstance(at, str) else at(house)
        plain = _asked(house, method, path, {})
        _kept_by_nobody(path, plain)
        _cookies(plain)
        lied = _asked(house, method, path, LIES)
        assert lied.status_code == plain.status_code
        said = str(lied.headers) + lied.text
        for lie in (FOREIGN, "/evil", "192.0.2.1", "https://localhost", "https%3A%2F%2Flocalhost"):
            assert lie not in said, lie
        _cookies(lied)
        if method == "GET":
            _kept_by_nobody(path, _asked(house, "HEAD", path, {}))
        if form:
            _of_ours(house, path)

    return check


def _asked(house: House, method: str, path: str, headers: dict[str, str]) -> requests.Response:
    """Ask with the cookies of somebody who is signed in, whatever host the headers name."""
    cookies = "; ".join(f"{each.name}={each.value}" for each in house.person.http.cookies)
    data = {"extra": "foobar"} if method in ("POST", "PUT") else None
    return house.send(method, path, data=data, headers={**headers, "Cookie": cookies})


def _kept_by_nobody(asked: str, response: requests.Response) -> None:
    path = asked.partition("?")[0]
    if path in PUBLIC:
        assert response.headers["Cache-Control"] == "public, max-age=300"
        assert "Set-Cookie" not in response.headers
    elif path.startswith("/assets/") and response.status_code == 200:
        assert response.headers["Cache-Control"] == "public, max-age=86400"
        assert "Set-Cookie" not in response.headers
    else:
        assert response.headers["Cache-Control"] == "no-store"
        assert "Cookie" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers.get("Access-Control-Allow-Origin") == ("*" if path in PUBLIC else None)
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def _cookies(response: requests.Response) -> None:
    for cookie in response.raw.headers.getlist("Set-Cookie"):
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "path=/", "samesite=lax"} <= parts, cookie
        assert not any(part.startswith("domain") for part in parts), cookie


def _of_ours(house: House, path: str) -> None:
    """RFC 6749 section 10.12 in general: a form of another site, or of another browser, is answered by a page."""
    foreign = house.once(_foreign)
    for fields in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 40}, {"csrf_token": foreign}):
        response = house.person.post(path, fields)
        assert response.status_code == 400, path
        assert "This form has expired" in response.text, path
    assert house.person.get("/account").status_code == 200


def _foreign(house: House) -> object:
    stranger = house.world.visitor()
    return stranger.page(stranger.get("/device")).form_token()
