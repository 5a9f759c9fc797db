"""Poll-based delivery of security event tokens (RFC 8936)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from broker.events import streams
from broker.oidc.api.context import Api, BearerError, answer, bearer, with_nonce
from broker.oidc.clients import Client
from broker.oidc.events.push import BACK_OFF
from broker.oidc.events.tokens import code_of
from broker.oidc.jose.strict_json import json_object
from broker.oidc.scopes import EVENTS
from broker.oidc.strict import BadRequest
from broker.web.call import Answer, Call

MAX_EVENTS = 100
"""In one answer, whatever was asked for: with as many to acknowledge, the next request is not too large."""

# As we make them. Anything else names no event, and nothing is asked for it.
_JTI = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A poll request (section 2.2). ``refused`` are codes by ``jti``."""

    limit: int
    acknowledged: frozenset[str]
    refused: Mapping[str, str]


def poll(api: Api, call: Call) -> Answer:
    """POST /events/poll: what its stream has for a client that has no address, and what it made of the last answer.

    It is answered at once, though it may not ask for that: we may wait for something to happen, and for how long is
    ours to say (section 2.2).
    """
    client, now = _caller(api, call), api.clock()
    asked = _asked(call)
    if asked.acknowledged or asked.refused:
        with api.database.begin() as connection:
            streams.acknowledge(connection, client.client_id, asked.acknowledged, now)
            streams.refuse(connection, client.client_id, asked.refused, now, BACK_OFF)
    with api.database.read() as connection:
        found = streams.offered(connection, client.client_id, now, asked.limit)
        more = streams.has_more(connection, client.client_id, now, found)
    sets = {each.jti: api.events.of(client, each, now) for each in found}
    return with_nonce(api, call, answer({"sets": sets, "moreAvailable": more}))


def _caller(api: Api, call: Call) -> Client:
    """Return the client that asks, by an access token of its own, for us and for this, and has a stream to poll."""
    client, token = bearer(api, call, f"{api.issuer}/events/poll")
    good = not token.account_id and not token.audience and EVENTS in token.scope and EVENTS in client.scopes
    if not good or client.client_id not in api.polled:
        raise BearerError("insufficient_scope", "The access token is not for polling, or nothing is.", status=403)
    return client


def _asked(call: Call) -> Asked:
    if call.query:
        raise BadRequest("invalid_request", "Parameters belong into the body, not into the URL.")
    if call.mimetype != "application/json":
        raise BadRequest("invalid_request", "The body must be application/json.")
    try:
        document = json_object(call.body)
    except ValueError as error:
        raise BadRequest("invalid_request", "The body is not one JSON object with each member once.") from error
    limit, acknowledged, refused = document.get("maxEvents"), document.get("ack", []), document.get("setErrs", {})
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise _wrong("maxEvents", "a number from 0")
    if not isinstance(document.get("returnImmediately", False), bool):
        raise _wrong("returnImmediately", "true or false")
    if not isinstance(acknowledged, list) or not all(isinstance(each, str) for each in acknowledged):
        raise _wrong("ack", "a list of strings")
    if not isinstance(refused, dict) or not all(isinstance(each, dict) for each in refused.values()):
        raise _wrong("setErrs", "an object of objects")
    return Asked(
        limit=MAX_EVENTS if limit is None else min(limit, MAX_EVENTS),
        acknowledged=frozenset(filter(_JTI.fullmatch, acknowledged)),
        refused={
            jti: code_of(each.get("err")) or "unknown_error" for jti, each in refused.items() if _JTI.fullmatch(jti)
        },
    )


def _wrong(member: str, right: str) -> BadRequest:
    return BadRequest("invalid_request", f"{member} must be {right}.")
