"""The registry's goal: a user who came through ``/authorize`` goes back with a code, or with an error.

Whatever the request or the client demands is judged when the user comes back from the provider, when a live
session is reused, when consent is given, and once more when the code is redeemed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection

from broker.oidc import request as requests
from broker.oidc.clients import Client, Clients
from broker.oidc.codes import Code, Codes, grant_of
from broker.oidc.consent.pending import PendingConsents
from broker.oidc.consent.service import Consents
from broker.oidc.errors import RedirectError
from broker.oidc.grant import Grant
from broker.oidc.pushed import PushedRequests
from broker.oidc.request import AuthorizationRequest
from broker.oidc.subjects import Subjects
from broker.signin.goals import Landing, Preview, SignedIn
from broker.signin.opening import Opened, Opening, told
from broker.signin.outcomes import unavailable
from broker.signin.policy import Policy
from broker.signin.sessions import Session, clients_index, codes_index
from broker.signin.transactions import Transaction
from broker.storage.sealed import Entry
from broker.web.destinations import Destination
from broker.web.errors import BrokerError
from claims.decision import Purpose, Reason, Requirement
from claims.evidence import Binding
from claims.vocabulary import ACR_MFA_ENROLLED
from providers.provider import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A code on its way, and what the store must do in the same step.

    ``take`` must be there: a pushed request is answered once. ``put`` is the code, ``index`` its place among the
    codes of its session, and its client's among the clients of it.
    """

    destination: Destination
    take: tuple[str, ...]
    put: tuple[Entry, ...]
    index: tuple[tuple[str, str, int], ...]


class RegistryGoal:
    """Handles :data:`~broker.signin.transactions.Goal.REGISTRY`."""

    def __init__(
        self,
        *,
        clients: Clients,
        codes: Codes,
        pushed: PushedRequests,
        consents: Consents,
        pending: PendingConsents,
        subjects: Subjects,
        opening: Opening,
        policy: Policy,
        issuer: str,
    ) -> None:
        self._clients = clients
        self._codes = codes
        self._pushed = pushed
        self._consents = consents
        self._pending = pending
        self._subjects = subjects
        self._opening = opening
        self._policy = policy
        self._issuer = issuer

    def payload(self, client: Client, request: AuthorizationRequest) -> dict[str, object]:
        """Return what a transaction must remember."""
        return {
            "request": requests.dump(request),
            "name": client.name,
            "providers": None if client.providers is None else sorted(client.providers),
            "sector": client.sector,
            "first_party": client.first_party,
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
                select_account="select_account" in request.prompt,
                max_age=min(ages, default=None),
            ),
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        request = _request(transaction)
        client = self.client_of(request)
        if not client.allows(provider_id):
            raise unavailable(provider_id)
        demand = request.demand(transaction.started_at)
        return self._policy.requirement(Purpose.SIGN_IN, now, rule=client.rule, demand=demand)

    def client_of(self, request: AuthorizationRequest) -> Client:
        """Return the client of a request that passed its checks a while ago. Raises ``BrokerError`` if it is gone."""
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
        return self._land(connection, signed_in, request, self._opening.open(connection, signed_in, request.client_id))

    def finish_known(self, connection: Connection, signed_in: SignedIn) -> tuple[Landing, Mapping[str, Any]] | None:
        request = _request(signed_in.transaction)
        opened = self._opening.open_known(connection, signed_in)
        if opened is None:
            return None
        landing = self._land(connection, signed_in, request, opened)
        return landing, told(signed_in, opened.account, request.client_id)

    def _land(
        self, connection: Connection, signed_in: SignedIn, request: AuthorizationRequest, opened: Opened
    ) -> Landing:
        payload, account_id = signed_in.transaction.payload, opened.account.account_id
        sector = cast(str | None, payload["sector"])
        if request.sub is not None and not self._subjects.is_of(sector, request.sub, account_id):
            raise BrokerError(
                status=400,
                code="another_account",
                sentence="The application asked for somebody else than the person who signed in.",
                next_step="Go back to it and sign out there first, or sign in with the account it knows.",
                detail="sub of the request is not the account's",
            )
        if self.needs_consent(connection, request, account_id, first_party=payload["first_party"] is True):
            handle, pending = self._pending.entry(
                request,
                sid=opened.session.sid,
                browser=signed_in.transaction.browser,
                asked_at=signed_in.transaction.started_at,
            )
            answer = Answer(destination=Destination(url=f"/consent/{handle}"), take=(), put=(pending,), index=())
        else:
            answer = self.answer(request, opened.session, signed_in.now, sector=sector)
        return Landing(
            location=answer.destination.url,
            fields=answer.destination.fields,
            take=[*opened.takes, *answer.take],
            put=[opened.entry, *answer.put],
            delete=opened.replaces,
            index=[*opened.index, *answer.index],
            ends=opened.ends,
            session_token=opened.token,
        )

    def needs_consent(
        self, connection: Connection, request: AuthorizationRequest, account_id: str, *, first_party: bool
    ) -> bool:
        """Return whether the person must be asked first: no statement for a first-party client."""
        if "consent" in request.prompt:
            return True
        if first_party:
            return False
        return not self._consents.covers(connection, account_id, request.client_id, request.consent_scopes)

    def answer(self, request: AuthorizationRequest, session: Session, now: datetime, *, sector: str | None) -> Answer:
        """Return the way back with a new code, and what the store must do for it. ``sector``: the client's."""
        handle = self._codes.new()
        code = Code(
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            grant=Grant(
                id=grant_of(handle),
                client_id=request.client_id,
                account_id=session.account_id,
                identity_id=session.identity_id,
                provider_id=session.provider_id,
                tenant=session.tenant,
                guest=session.guest,
                signed_in_at=session.signed_in_at,
                sid=session.sid,
                scope=request.scope,
                authentication=session.authentication,
                resources=request.resources,
                nonce=request.nonce,
                requested_acr=request.requested_acr,
                essential_acr=request.essential_acr,
                id_token_claims=request.id_token_claims,
                userinfo_claims=request.userinfo_claims,
                jkt=request.jkt,
                sector=sector,
            ),
        )
        entry = self._codes.entry(handle, code)
        left = max(1, int((session.expires_at - now).total_seconds()))
        return Answer(
            destination=request.reply(self._issuer).code(handle),
            take=self.used_up(request),
            put=(entry,),
            index=(
                (codes_index(session.sid), entry[0], entry[2]),
                (clients_index(session.sid), request.client_id, left),
            ),
        )

    def used_up(self, request: AuthorizationRequest) -> tuple[str, ...]:
        """Return the store keys that answering the request uses up: that of a pushed one."""
        return (self._pushed.key(request.pushed),) if request.pushed is not None else ()

    def back(self, transaction: Transaction) -> Destination | None:
        request = _request(transaction)
        self.client_of(request)
        return request.reply(self._issuer).error(_given_up(transaction.refused))


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
