"""What the resources work with, and a call of one: who it is from, what came with it, and what they may."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from flask import request
from sqlalchemy import Connection

from broker.accounts.limits import MailLimit
from broker.accounts.organizations.authority import Authority
from broker.accounts.organizations.capabilities import (
    Admin,
    FreshAdmin,
    FreshOperator,
    Leaver,
    Member,
    Operator,
    Person,
    Stopper,
)
from broker.accounts.organizations.changes import Changes
from broker.accounts.organizations.invitations import Invitations
from broker.accounts.organizations.preview import Preview
from broker.accounts.organizations.service import Organizations
from broker.accounts.service import Accounts
from broker.limits.service import Of
from broker.limits.table import Name
from broker.management import asked
from broker.management.asked import Page
from broker.management.refusals import Challenge, problem_of
from broker.oidc.api.context import Api, BearerError, bearer
from broker.oidc.scopes import MANAGE, READ
from broker.oidc.tokens.access import AccessToken
from broker.signin.policy import FRESHEST, Policy
from broker.tenants.attestations import Attestations
from broker.tenants.exceptions import Exceptions
from broker.tenants.mappings import Mappings
from broker.tenants.rule_changes import RuleChanges
from broker.web.call import current
from claims.decision import Purpose
from providers.microsoft.entra import Entra


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """``entra`` are the providers by which tenants are mapped, by id.

    ``people_create``: whoever is signed in may make an organisation; otherwise only operators do.
    """

    api: Api
    authority: Authority
    organizations: Organizations
    invitations: Invitations
    changes: Changes
    preview: Preview
    mappings: Mappings
    attestations: Attestations
    exceptions: Exceptions
    rule_changes: RuleChanges
    accounts: Accounts
    mail_limit: MailLimit
    policy: Policy
    entra: Mapping[str, Entra]
    people_create: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call within a transaction. ``sent`` is the body, unread; ``page`` the part of a list that is wanted."""

    management: Management
    connection: Connection
    token: AccessToken
    sent: bytes
    page: Page
    now: datetime

    def person(self, purpose: Purpose = Purpose.ADMINISTRATION) -> Person:
        """Return whose token it is. Raises ``Denied``, as all of these."""
        return self.management.authority.person(self.connection, self.token, self.now, purpose)

    def member(self, organization_id: str) -> Member:
        """Return a member of the organisation."""
        return self.management.authority.member(self.connection, self.token, organization_id, self.now)

    def leaver(self, organization_id: str) -> Leaver:
        """Return a member with a fresh proof, suspended or not."""
        return self.management.authority.leaver(self.connection, self.token, organization_id, self.now)

    def stopper(self, organization_id: str) -> Stopper:
        """Return an admin of the organisation, suspended or not."""
        return self.management.authority.stopper(self.connection, self.token, organization_id, self.now)

    def admin(self, organization_id: str) -> Admin:
        """Return an admin of the organisation."""
        return self.management.authority.admin(self.connection, self.token, organization_id, self.now)

    def fresh_admin(self, organization_id: str) -> FreshAdmin:
        """Return an admin of the organisation with a fresh proof."""
        return self.management.authority.fresh_admin(self.connection, self.token, organization_id, self.now)

    def operator(self) -> Operator:
        """Return an operator."""
        return self.management.authority.operator(self.connection, self.token, self.now)

    def fresh_operator(self) -> FreshOperator:
        """Return an operator with a fresh proof."""
        return self.management.authority.fresh_operator(self.connection, self.token, self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request with a token that is good for it. What it wants is done in one transaction, or in several."""

    management: Management
    token: AccessToken
    sent: bytes
    page: Page

    @contextmanager
    def reading(self) -> Iterator[Call]:
        """Yield a call that changes nothing. Raises :class:`Problem`."""
        with self._told(), self.management.api.database.read() as connection:
            yield self._call(connection)

    @contextmanager
    def changing(self) -> Iterator[Call]:
        """Yield a call in a transaction of its own, which any refusal undoes. Raises :class:`Problem`."""
        with self._told(), self.management.api.database.begin() as connection:
            yield self._call(connection)

    def _call(self, connection: Connection) -> Call:
        return Call(
            management=self.management,
            connection=connection,
            token=self.token,
            sent=self.sent,
            page=self.page,
            now=self.management.api.clock(),
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            problem = problem_of(error, self._challenge())
            if problem is None:
                raise
            raise problem from error

    def _challenge(self) -> Challenge:
        fresh = min(self.management.policy.fresh, FRESHEST)
        return Challenge(scheme="Bearer" if self.token.jkt is None else "DPoP", max_age=int(fresh.total_seconds()))


def arrive(management: Management, scope: str, *, paged: bool = False) -> Arrival:
    """Return the current request, once its token is found good for it.

    Raises :class:`~broker.oidc.api.context.BearerError` and :class:`~broker.web.problems.Problem`.
    """
    sent = b"" if request.method == "GET" else request.get_data()
    token = _token(management, scope)
    # A token in a form, too, ends here: RFC 6750 section 2.2 is for other endpoints.
    asked.check_type(sent)
    asked.check_ids()
    return Arrival(management=management, token=token, sent=sent, page=asked.query(paged=paged))


def reading(management: Management, scope: str = READ, *, paged: bool = False) -> AbstractContextManager[Call]:
    """Return the current call, which changes nothing. Raises as :func:`arrive`."""
    return arrive(management, scope, paged=paged).reading()


def changing(management: Management, scope: str = MANAGE) -> AbstractContextManager[Call]:
    """Return the current call, in a transaction of its own. Raises as :func:`arrive`."""
    return arrive(management, scope).changing()


def _token(management: Management, scope: str) -> AccessToken:
    """Return the access token of the current request, which is somebody's, for us, and of this scope."""
    api = management.api
    client, token = bearer(api, current(), f"{api.issuer}{request.path}")
    # RFC 8707: a token for another resource is that resource's alone. A client's own token is nobody's.
    if token.audience or not token.account_id or scope not in token.scope or scope not in client.scopes:
        raise BearerError(
            "insufficient_scope",
            f"The access token has to be somebody's, for us, and of the scope {scope}.",
            status=403,
        )
    if not client.allows(token.provider_id):
        raise BearerError("invalid_token", "The client does not take this way to sign in any more.")
    api.limits.count(Of(Name.MANAGEMENT_ACCOUNT, token.account_id), Of(Name.MANAGEMENT_CLIENT, client.client_id))
    return token
