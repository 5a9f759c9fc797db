"""The ordered table of checks, and the two places an error may go."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from broker.oidc.authorize import checks
from broker.oidc.authorize.checks import Draft
from broker.oidc.clients import Client, Clients
from broker.oidc.errors import RedirectError
from broker.oidc.request import AuthorizationRequest

Check = Callable[[Draft], None]

# Until these have passed, an error is shown here and never redirected.
SHOWN: tuple[Check, ...] = (
    checks.known_client,
    checks.exact_redirect_uri,
)

# From here on the registry is told.
REDIRECTED: tuple[Check, ...] = (
    checks.single_parameters,
    checks.sane_parameters,
    checks.no_request_object,
    checks.code_response_type,
    checks.query_response_mode,
    checks.openid_scope,
    checks.s256_challenge,
    checks.known_prompt,
    checks.whole_max_age,
    checks.acr_preferences,
    checks.claims_parameter,
    checks.id_token_hint,
    checks.known_provider,
)


class Refused(Exception):
    """A request that is answered with an error to a redirect URI that is known good."""

    def __init__(self, redirect_uri: str, state: str | None, error: RedirectError) -> None:
        super().__init__(str(error))
        self.redirect_uri = redirect_uri
        self.state = state
        self.error = error


def validate(
    parameters: Mapping[str, list[str]],
    clients: Clients,
    providers: frozenset[str],
    subject_of_hint: Callable[[str], str | None],
) -> tuple[Client, AuthorizationRequest]:
    """Return the client and its request.

    Raises :class:`~broker.web.errors.BrokerError` for what is shown here, :class:`Refused` for what is redirected.
    """
    draft = Draft(parameters=parameters, clients=clients, providers=providers, subject_of_hint=subject_of_hint)
    for check in SHOWN:
        check(draft)
    if draft.client is None or draft.redirect_uri is None:
        raise AssertionError("the shown checks set both")
    try:
        for check in REDIRECTED:
            check(draft)
    except RedirectError as error:
        # A state sent twice or unfit to print is not echoed.
        states = parameters.get("state", [])
        state = states[0] if len(states) == 1 and states[0].isprintable() else None
        raise Refused(draft.redirect_uri, state or None, error) from error
    return draft.client, AuthorizationRequest(**cast(dict[str, Any], draft.fields))
