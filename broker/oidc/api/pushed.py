"""Pushed authorization requests (RFC 9126)."""

from broker.oidc.api.context import Api, answer, authenticated, begun, oauth_error, with_nonce
from broker.oidc.authorize.table import Refused
from broker.oidc.strict import check_form
from broker.web.call import Answer, Call
from broker.web.errors import BrokerError


def push(api: Api, call: Call) -> Answer:
    """POST /par: what /authorize would be asked, checked and kept."""
    check_form(call)
    proof = api.proofs.examine(call.headers, method="POST", url=f"{api.issuer}/par")
    client = authenticated(api, call, "pushed_authorization_request")
    given = {**call.lists, "client_id": [client.client_id]}
    for name in ("client_secret", "client_assertion", "client_assertion_type"):
        given.pop(name, None)
    try:
        parameters = api.validator.validate_pushed(given, proof.jkt if proof is not None else None, api.clock())
    except Refused as refused:
        return oauth_error(refused.error.error, refused.error.description)
    except BrokerError as error:
        return oauth_error("invalid_request", error.sentence)
    begun(api, client)
    # Only now: a client that anybody can be leaves no proof behind where it leaves nothing else.
    jkt = api.proofs.use(proof)
    reference = api.pushed.push(client.client_id, parameters, jkt)
    return with_nonce(api, call, answer({"request_uri": reference, "expires_in": api.pushed.lifetime}, 201))
