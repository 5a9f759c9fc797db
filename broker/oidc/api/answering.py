"""What an endpoint answers, refusals included: the same below Flask and in it."""

from collections.abc import Callable

from authlib.oauth2 import OAuth2Error

from broker.oidc.api import failures
from broker.oidc.api.context import (
    Api,
    BearerError,
    answer,
    answer_bad_request,
    answer_bearer_error,
    answer_oauth_error,
    with_nonce,
)
from broker.oidc.jose.strict_json import json_object
from broker.oidc.strict import BadRequest
from broker.web.call import Answer, Call

View = Callable[..., Answer]
"""An endpoint: of :class:`Api`, :class:`Call` and what varies in its address."""


def answering(api: Api, view: View, call: Call, /, **arguments: str) -> Answer:
    """Return what an endpoint answers or, where too many were refused like it, when to come back."""
    answered = _answered(api, view, call, arguments)
    if answered.status not in (400, 401):
        return answered
    error = json_object(answered.body).get("error")
    wait = failures.wait_of(
        api.limits, error, remote=call.environ.get("REMOTE_ADDR"), form=call.form, headers=call.headers
    )
    return answer(failures.document(), 429, ("Retry-After", str(wait))) if wait else answered


def _answered(api: Api, view: View, call: Call, arguments: dict[str, str]) -> Answer:
    try:
        return view(api, call, **arguments)
    except BadRequest as error:
        return answer_bad_request(error)
    except OAuth2Error as error:
        return with_nonce(api, call, answer_oauth_error(error))
    except BearerError as error:
        return with_nonce(api, call, answer_bearer_error(error))
