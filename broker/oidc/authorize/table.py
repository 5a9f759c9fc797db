"""The ordered table of checks, and the two places an error may go."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from broker.oidc.authorize import checks
from broker.oidc.authorize.checks import Draft, Knowledge
from broker.oidc.clients import Client
from broker.oidc.errors import RedirectError
from broker.oidc.request import AuthorizationRequest, Reply

Check = Callable[[Draft], None]

# Until the client is known and these have passed, an error is shown here and never redirected.
SHOWN: tuple[Check, ...] = (
    checks.source_of_parameters,
    checks.exact_redirect_uri,
)

# From here on the registry is told.
REDIRECTED: tuple[Check, ...] = (
    checks.source_is_good,
    checks.single_parameters,
    checks.sane_parameters,
    checks.code_response_type,
    checks.code_grant,
    checks.known_response_mode,
    checks.openid_scope,
    checks.s256_challenge,
    checks.known_prompt,
    checks.whole_max_age,
    checks.acr_preferences,
    checks.claims_parameter,
    checks.id_token_hint,
    checks.known_resources,
    checks.key_of_the_code,
    checks.known_provider,
)


class Refused(Exception):
    """A request that is answered with an error to a redirect URI that is known good."""

    def __init__(self, client_id: str, reply: Reply, error: RedirectError) -> None:
        super().__init__(str(error))
        self.client_id = client_id
        self.reply = reply
        self.error = error


class Validator:
    """Holds a request against the table. ``issuer`` is ours."""

    def __init__(self, knowledge: Knowledge, issuer: str) -> None:
        self._knowledge = knowledge
        self._issuer = issuer

    def validate(self, parameters: Mapping[str, list[str]], now: datetime) -> tuple[Client, AuthorizationRequest]:
        """Return the client and its request.

        Raises :class:`~broker.web.errors.BrokerError` for what is shown here, :class:`Refused` for what is redirected.
        """
        return self._pass(self._draft(parameters, now))

    def validate_pushed(
        self, parameters: Mapping[str, list[str]], jkt: str | None, now: datetime
    ) -> Mapping[str, list[str]]:
        """Return the parameters that a pushed request comes down to (RFC 9126 section 2.1). Raises as above."""
        draft = self._draft(parameters, now)
        draft.pushing, draft.jkt = True, jkt
        self._pass(draft)
        return draft.parameters

    def _draft(self, parameters: Mapping[str, list[str]], now: datetime) -> Draft:
        client = checks.known_client(parameters, self._knowledge.clients)
        fields: dict[str, object] = {"client_id": client.client_id}
        return Draft(parameters=parameters, client=client, knowledge=self._knowledge, now=now, fields=fields)

    def _pass(self, draft: Draft) -> tuple[Client, AuthorizationRequest]:
        for check in SHOWN:
            check(draft)
        try:
            for check in REDIRECTED:
                check(draft)
        except RedirectError as error:
            raise Refused(draft.client.client_id, self._reply(draft, draft.redirect_uri), error) from error
        return draft.client, AuthorizationRequest(**cast(dict[str, Any], draft.fields))

    def _reply(self, draft: Draft, redirect_uri: str) -> Reply:
        # A state sent twice or unfit to print is not echoed.
        states = draft.parameters.get("state", [])
        state = states[0] if len(states) == 1 and states[0].isprintable() else None
        return Reply(
            redirect_uri=redirect_uri,
            state=state or None,
            form_post=draft.parameters.get("response_mode") == ["form_post"],
            issuer=self._issuer,
        )
