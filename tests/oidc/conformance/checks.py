"""What the suite checks of every answer, whichever module it came in."""

import hashlib
import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

Members = Mapping[str, Any]

# Bits by Shannon's measure over the characters of one value; 128 really, less the error of the measure.
ENTROPY = 96
_VISIBLE = re.compile(r"[\x20-\x7e]+")  # RFC 6749 appendix A: VSCHAR
_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 5.2
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
# OpenID Connect Core section 5.1.
_BOOLEANS = {"email_verified", "phone_number_verified"}
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_TOKEN_MEMBERS = {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}


def unguessable(value: str) -> None:
    """RFC 6749 section 10.10: at least 128 bits, and as random as can be measured."""
    assert _VISIBLE.fullmatch(value)
    assert len(value) * 6 >= 128
    counts = Counter(value).values()
    bits = -sum(count * math.log2(count / len(value)) for count in counts)
    assert bits >= ENTROPY, f"{bits} bits"


def json_object(response: requests.Response, status: int = 200) -> dict[str, Any]:
    """Return the JSON object that an answer holds, which nobody may keep."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["Content-Type"].split(";")[0] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    document = response.json()
    assert isinstance(document, dict)
    return document


def oauth_error(response: requests.Response, *errors: str, status: int | None = None) -> str:
    """RFC 6749 section 5.2: one of ``errors``, with 400, or 401 where the client could not be authenticated."""
    error = response.json().get("error")
    assert error in errors, f"{response.status_code} {response.text}"
    document = json_object(response, status or (401 if error == "invalid_client" else 400))
    assert set(document) <= {"error", "error_description", "error_uri"}
    assert _DESCRIPTION.fullmatch(document.get("error_description", "none"))
    return str(error)


def token_response(response: requests.Response, *, token_type: str = "Bearer") -> dict[str, Any]:
    """RFC 6749 section 5.1 and OpenID Connect Core section 3.1.3.3."""
    body = json_object(response)
    assert set(body) <= _TOKEN_MEMBERS
    assert body["token_type"].lower() == token_type.lower()
    assert type(body["expires_in"]) is int
    assert body["expires_in"] > 0
    assert isinstance(body.get("scope", ""), str)
    for name in ("access_token", "refresh_token"):
        if name in body:
            unguessable(body[name])
    return body


def key_set(document: Members) -> KeySet:
    """Return the published keys: each with its own ``kid`` and its use, long enough, and public."""
    keys = document["keys"]
    assert keys
    for key in keys:
        assert not _PRIVATE & set(key)
        assert key["kty"] in {"RSA", "EC", "OKP"}
        assert key["use"] == "sig"
        assert isinstance(key["kid"], str)
        assert isinstance(key["alg"], str)
        assert not {"+", "/"} & set("".join(key.values())), "base64url"
        if key["kty"] == "RSA":
            assert len(key["n"]) * 6 >= 2048
    assert len({key["kid"] for key in keys}) == len(keys)
    return KeySet.import_key_set({"keys": [dict(key) for key in keys]})


def id_token(
    text: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    algorithm: str,
    nonce: str | None,
    now: datetime,
    access_token: str,
    code: str | None = None,
) -> dict[str, Any]:
    """OpenID Connect Core sections 2 and 3.1.3.7. Returns the claims."""
    token = jwt.decode(text, keys, algorithms=[algorithm])
    header, claims = token.header, token.claims
    assert header["alg"] == algorithm
    assert keys.get_by_kid(header["kid"]).alg == algorithm
    assert claims["iss"] == issuer
    assert claims["aud"] in (client_id, [client_id])
    assert claims.get("azp", client_id) == client_id
    for name in ("exp", "iat"):
        assert isinstance(claims[name], int)
    seconds = now.timestamp()
    assert claims["exp"] > seconds
    assert seconds - 300 <= claims["iat"] <= seconds + 5
    assert claims.get("nonce") == nonce
    assert isinstance(claims["sub"], str)
    assert 0 < len(claims["sub"]) <= 255
    assert claims["sub"].isascii()
    assert isinstance(claims.get("auth_time", 0), int)
    assert isinstance(claims.get("acr", ""), str)
    assert all(isinstance(each, str) for each in claims.get("amr", []))
    assert not [name for name, value in claims.items() if value is None or value == ""]
    for name, value in (("at_hash", access_token), ("c_hash", code)):
        if name in claims:
            assert value is not None
            assert claims[name] == _half_hash(value, algorithm)
    return dict(claims)


def userinfo(response: requests.Response, sub: str) -> dict[str, Any]:
    """OpenID Connect Core sections 5.1 and 5.3.2: about the same person, and each claim of its type."""
    claims = json_object(response)
    assert claims["sub"] == sub
    for name, value in claims.items():
        if name in _BOOLEANS:
            assert isinstance(value, bool), name
        elif name == "updated_at":
            assert isinstance(value, int)
        elif name == "address":
            assert isinstance(value, dict)
        else:
            assert isinstance(value, str), name
            assert value, name
    return claims


def _half_hash(value: str, algorithm: str) -> str:
    digest = (hashlib.sha512 if algorithm == "EdDSA" else _HASHES[algorithm[-3:]])(value.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def unverified(token: str) -> dict[str, Any]:
    """Return the claims of a JWT without a look at its signature."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims
