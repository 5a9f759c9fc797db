"""The registry's goal: a user who came through ``/authorize`` goes back with a code, or with an error.

Whatever the request or the client demands is judged when the user comes back from the provider, when a live
session is reused, and once more when the code is redeemed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from broker.oidc import request as requests
from broker.oidc.clients import Client, Clients
from broker.oidc.codes import Code, Codes
from broker.oidc.errors import RedirectError, error_redirect, with_parameters
from broker.oidc.request import AuthorizationRequest
from broker.oidc.tokens import grant_of, new_code
from broker.signin.gate import unavailable
from broker.signin.goals import Landing, Preview, SignedIn
from broker.signin.opening import Opening
from broker.signin.policy import Policy
from broker.signin.sessions import Session, codes_index
from broker.signin.transactions import Transaction
from broker.storage.sealed import Entry
from broker.web.errors import BrokerError
from claims.decision import Purpose, Reason, Requirement
from claims.evidence import Binding
from claims.vocabulary import ACR_MFA_ENROLLED
from providers.provider import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A code on its way: the redirect, the code's store entry, and its place among the codes of its session."""

    location: str
    entry: Entry
    index: tuple[str, str, int]


class RegistryGoal:
    """Handles :data:`~broker.signin.transactions.Goal.REGISTRY`."""

    def __init__(self, *, clients: Clients, codes: Codes, opening: Opening, policy: Policy, issuer: str) -> None:
        self._clients = clients
        self._codes = codes
        self._opening = opening
        self._policy = policy
        self._issuer = issuer

    def payload(self, client: Client, request: AuthorizationRequest) -> dict[str, object]:
        """Return what a transaction must remember."""
        return {
            "request": requests.dump(request),
            "name": client.name,
            "home": client.home,
            "providers": None if client.providers is None else sorted(client.providers),
            "max_age": None if client.rule.max_age is None else int(client.rule.max_age.total_seconds()),
        }

    def preview(self, transaction: Transaction) -> Preview:
        payload, request = transaction.payload, _request(transaction)
        providers = cast(list[str] | None, payload["providers"])
        ages = [age for age in (request.max_age, cast(int | None, payload["max_age"])) if age is not None]
        return Preview(
            audience=cast(str, payload["name"]),
            need=_need(request),
            providers=None if providers is None else frozenset(providers),
            bindings=_bindings(request),
            reauthentication="login" in request.prompt or request.max_age is not None,
            back=True,
            ask=Ask(
                reauthenticate="login" in request.prompt,
                select_account=not {"select_account", "consent"}.isdisjoint(request.prompt),
                max_age=min(ages, default=None),
            ),
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        request = _request(transaction)
        client = self._client(request)
        if not client.allows(provider_id):
            raise unavailable(provider_id)
        demand = request.demand(transaction.started_at)
        return self._policy.requirement(Purpose.SIGN_IN, now, rule=client.rule, demand=demand)

    def _client(self, request: AuthorizationRequest) -> Client:
        client = self._clients.get(request.client_id)
        if client is None or not client.check_redirect_uri(request.redirect_uri):
            raise BrokerError(
                status=400,
                code="unknown_client",
                sentence="The application you came from is switched off.",
                next_step="Ask the people who run it.",
                detail="client gone while the user was away",
            )
        return client

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        request = _request(signed_in.transaction)
        opened = self._opening.open(connection, signed_in, request.client_id)
        if request.sub is not None and request.sub != opened.account.account_id:
            raise BrokerError(
                status=400,
                code="another_account",
                sentence="The application asked for somebody else than the person who signed in.",
                next_step="Go back to it and sign out there first, or sign in with the account it knows.",
                detail="sub of the request is not the account's",
            )
        answer = self.answer(request, opened.session)
        return Landing(
            location=answer.location,
            put=[opened.entry, answer.entry],
            delete=opened.replaces,
            index=[opened.index, answer.index],
            session_token=opened.token,
        )

    def answer(self, request: AuthorizationRequest, session: Session) -> Answer:
        """Return the redirect that carries a new code, and what the store must keep for it."""
        handle = new_code()
        code = Code(
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            scope=request.scope,
            nonce=request.nonce,
            requested_acr=request.requested_acr,
            essential_acr=request.essential_acr,
            id_token_claims=request.id_token_claims,
            userinfo_claims=request.userinfo_claims,
            account_id=session.account_id,
            identity_id=session.identity_id,
            provider_id=session.provider_id,
            sid=session.sid,
            authentication=session.authentication,
            grant=grant_of(handle),
        )
        location = with_parameters(request.redirect_uri, {"code": handle, "state": request.state, "iss": self._issuer})
        entry = self._codes.entry(handle, code)
        return Answer(location=location, entry=entry, index=(codes_index(session.sid), entry[0], entry[2]))

    def back(self, transaction: Transaction) -> str | None:
        request = _request(transaction)
        self._client(request)
        return error_redirect(request.redirect_uri, request.state, self._issuer, _given_up(transaction.refused))


def _request(transaction: Transaction) -> AuthorizationRequest:
    return requests.load(cast(Mapping[str, object], transaction.payload["request"]))


def _given_up(refused: str | None) -> RedirectError:
    """Say why the user comes back without a sign-in: refused for want of proof, or of their own will."""
    if refused in {reason.value for reason in Reason}:
        return RedirectError("unmet_authentication_requirements", f"The proof of MFA did not suffice: {refused}.")
    if refused is not None:
        return RedirectError("access_denied", f"The provider did not sign the user in: {refused}.")
    return RedirectError("access_denied", "The user went back without signing in.")


def _bindings(request: AuthorizationRequest) -> frozenset[Binding]:
    """Return the bindings that can achieve an essential acr; all of them where none is demanded."""
    if not request.essential_acr or ACR_MFA_ENROLLED in request.essential_acr:
        return frozenset(Binding)
    return frozenset({Binding.SESSION, Binding.ATTESTED})


def _need(request: AuthorizationRequest) -> str:
    if "login" in request.prompt or request.max_age is not None:
        return "This registry asks you to sign in anew, with a second factor."
    return "This registry lets you in once your provider has proven a second factor."
