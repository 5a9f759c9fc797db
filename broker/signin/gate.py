"""The gate: from the redirect to a provider to the moment the proof is judged.

``begin`` sends the browser away, ``complete`` receives it. Between the two stands one record per ``state``,
taken once, and bound to the browser that left. Nothing is written for a person before ``decide`` has said yes.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from broker import metrics
from broker.accounts.service import AccountClosed, Accounts
from broker.audit.service import Audit
from broker.limits.sign_ins import SignIns
from broker.signin.ending import EndedBy, Ending
from broker.signin.goals import GoalHandler, Landing, Preview, ReadingHandler, SignedIn
from broker.signin.outcomes import Again, Landed, Refused, closed, elsewhere, expired, switched_off, unavailable
from broker.signin.proofs import ProviderProofs
from broker.signin.refusing import Refusals
from broker.signin.standing import admits, judge
from broker.signin.transactions import Flow, Goal, Transaction, Transactions, belongs
from broker.storage.database import Database
from broker.storage.store import ShortLived
from broker.switches.guard import read_only
from broker.switches.service import Switches, Thrown
from broker.tenants.admission import WITHOUT_TENANT, Admission, Admissions
from broker.tenants.exceptions import Exceptions, Waiver
from claims.decision import Reason, Verdict
from providers.circuit import Circuit
from providers.provider import Ask, Fault, Identified, Provider, ProviderError, Return

# Neither a probe nor whoever shows that they may speak for a tenant gets a session by it.
SIGNS_NOBODY_IN = frozenset({Goal.PROBE, Goal.MAPPING})
# Who came back has no part in it.
NOBODYS_DOING = frozenset({Fault.UNAVAILABLE, Fault.MISCONFIGURED})
# What a sign-in changes beyond signing in is not changed while nothing may be.
CHANGES = frozenset({Goal.LINK, Goal.MAPPING})


class Gate:
    """One gate for all providers and goals. ``providers`` are the enabled ones, ``circuits`` theirs."""

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        circuits: Mapping[str, Circuit],
        handlers: Mapping[Goal, GoalHandler],
        transactions: Transactions,
        proofs: ProviderProofs,
        database: Database,
        store: ShortLived,
        audit: Audit,
        ending: Ending,
        accounts: Accounts,
        admissions: Admissions,
        exceptions: Exceptions,
        sign_ins: SignIns,
        switches: Switches,
    ) -> None:
        self.providers = providers
        self.circuits = circuits
        self.handlers = handlers
        self._reading = {goal: each for goal, each in handlers.items() if isinstance(each, ReadingHandler)}
        self._transactions = transactions
        self._proofs = proofs
        self._database = database
        self._store = store
        self._audit = audit
        self._ending = ending
        self._accounts = accounts
        self._admissions = admissions
        self._exceptions = exceptions
        self._sign_ins = sign_ins
        self._switches = switches
        self._refusals = Refusals(transactions, database, audit)

    def offered(self, transaction: Transaction, now: datetime) -> list[Provider]:
        """Return the providers that may serve this transaction, in configured order."""
        preview, thrown = self.handlers[transaction.goal].preview(transaction), self._switches.thrown(now)
        return [each for each in self.providers.values() if self._may_serve(each.id, transaction.goal, preview, thrown)]

    def usable(self, now: datetime) -> list[Provider]:
        """Return the providers that may sign people in, in configured order."""
        thrown = self._switches.thrown(now)
        return [each for each in self.providers.values() if self._is_usable(each.id, thrown)]

    def _may_serve(self, provider_id: str, goal: Goal, preview: Preview, thrown: Thrown) -> bool:
        if preview.providers is not None and provider_id not in preview.providers:
            return False
        # A probe signs nobody in, and shows whether one that is switched off would do again.
        return goal is Goal.PROBE or self._is_usable(provider_id, thrown)

    def _is_usable(self, provider_id: str, thrown: Thrown) -> bool:
        return provider_id not in thrown.providers and self._proofs.usable(provider_id)

    def begin(
        self,
        transaction: Transaction,
        provider_id: str,
        now: datetime,
        *,
        tenant: str | None = None,
        domain_hint: str | None = None,
        first: bool = False,
    ) -> Again | Refused:
        """Return where to send the browser. Raises ``BrokerError`` when the provider may not serve this.

        ``tenant`` and ``domain_hint`` are where the user says they belong. They lead the way and prove nothing; the
        hint is not kept. ``first``: the transaction is new, and remembered with this, if nothing speaks against it.
        """
        preview = self.handlers[transaction.goal].preview(transaction)
        asked = preview.ask
        if tenant or domain_hint:
            asked = replace(asked, tenant=tenant or asked.tenant, domain_hint=domain_hint)
        # What is new is kept first: the switches come along with that, and nobody has it yet.
        thrown = Thrown() if first else self._thrown(transaction.goal, provider_id, asked.tenant, now)
        provider = self.providers.get(provider_id)
        if provider is None or not self._may_serve(provider_id, transaction.goal, preview, thrown):
            raise unavailable(provider_id)
        outcome = self._send(transaction, provider, asked, 0, now, first=first)
        if first:
            self._thrown(transaction.goal, provider_id, asked.tenant, now)
        return outcome

    def complete(
        self, provider_id: str, returned: Return, *, browser: str | None, cookie: str | None, now: datetime
    ) -> Again | Refused | Landed:
        """Return what came of a browser's return from a provider.

        Raises ``BrokerError`` when there is nothing it could belong to: an unknown, used or expired state, another
        browser, another provider.
        """
        flow = self._transactions.take_flow(returned.parameters.get("state", ""), now)
        if flow is None:
            raise expired("no such state")
        if flow.provider_id != provider_id or not belongs(flow.transaction, browser):
            raise elsewhere()
        provider = self.providers.get(provider_id)
        if provider is None:
            raise unavailable(provider_id)
        thrown = self._thrown(flow.transaction.goal, provider_id, flow.tenant, now)
        handler = self.handlers[flow.transaction.goal]
        requirement = handler.requirement(flow.transaction, provider_id, now)
        probing = flow.transaction.goal is Goal.PROBE
        signing_in = flow.transaction.goal not in SIGNS_NOBODY_IN
        try:
            # Whoever waits for a provider has a place among those who may, also while others fetch its keys for them.
            with self.circuits[provider_id].passage():
                if probing:
                    probed = provider.probe(flow.private, returned, now)
                    identified, shown = probed.identified, probed.shown
                else:
                    identified, shown = provider.complete(flow.private, returned, now), {}
            admission = self._admission(provider_id, identified, thrown, now) if signing_in else WITHOUT_TENANT
        except ProviderError as error:
            if error.again is not None and flow.challenges == 0:
                return self._challenge(flow, provider, error.again, now)
            if error.code not in NOBODYS_DOING:
                self._sign_ins.failed(provider_id)
            return self._refusals.faulty(flow.transaction, provider, error, now)
        verdict, waiver = judge(
            requirement, admission, identified.authentication, now, partial(self._waivers, identified, admission, now)
        )
        again = _anew(verdict, provider) or identified.again
        if not verdict.satisfied and again is not None and flow.challenges == 0:
            return self._challenge(flow, provider, again, now)
        if not verdict.satisfied and not probing:
            refused = self._refusals.unproven(flow.transaction, provider, verdict, identified.missing, now)
            self._sign_ins.failed(provider_id, self._account(identified))
            return refused
        return self._finish(
            handler,
            SignedIn(
                transaction=flow.transaction,
                provider_id=provider_id,
                identified=identified,
                verdict=verdict,
                cookie=cookie,
                shown=shown,
                now=now,
                admission=admission,
                waiver=waiver,
            ),
        )

    def _thrown(self, goal: Goal, provider_id: str, tenant: str | None, now: datetime) -> Thrown:
        """Return the kill switches. Raises ``BrokerError`` where one is thrown that ends this way to that goal."""
        thrown = self._switches.thrown(now)
        if goal is not Goal.PROBE and thrown.shuts(provider_id, tenant or ""):
            raise switched_off(provider_id)
        if goal in CHANGES and thrown.read_only:
            raise read_only()
        return thrown

    def _admission(self, provider_id: str, identified: Identified, thrown: Thrown, now: datetime) -> Admission:
        """Return the terms of who came. Raises :class:`ProviderError` where nobody may come this way."""
        found = identified.admitted or self._admissions.read(provider_id, "", (), now)
        to_sign_in = not identified.mapping  # what shows that somebody may speak for a tenant opens nothing
        if not isinstance(found, Admission) or thrown.shuts(provider_id, found.tid):
            raise ProviderError(Fault.TENANT_NOT_ALLOWED, "nobody of the tenant may sign in here now")
        if to_sign_in and admits(found, provider_id, guest=identified.guest):
            return found
        raise ProviderError(Fault.TENANT_NOT_ALLOWED, "the tenant, or its rule, lets nobody in this way")

    def _waivers(self, identified: Identified, admission: Admission, now: datetime) -> list[Waiver]:
        with self._database.read() as connection:
            account_id = self._accounts.account_of(connection, identified.subject)
            return self._exceptions.waivers(connection, admission.tid, account_id, now)

    def _account(self, identified: Identified) -> str:
        """Return whose failures count together: the account's or, where there is none yet, a keyed hash of who came."""
        with self._database.read() as connection:
            found = self._accounts.account_of(connection, identified.subject)
        return found or self._sign_ins.limits.of_subject(identified.subject)

    def _finish(self, handler: GoalHandler, signed_in: SignedIn) -> Landed:
        try:
            landing = self._finish_known(signed_in)
            if landing is None:
                with self._database.begin() as connection:
                    landing = handler.finish(connection, signed_in)
                    # Last: a second finisher finds the transaction gone, and the database forgets what it was about
                    # to write.
                    self._end(signed_in.transaction, landing)
        except AccountClosed as error:
            raise closed(error.status) from error
        if landing.session_token is not None:
            metrics.signed_in(signed_in.provider_id, signed_in.verdict.reason.value)
        if landing.ends is not None:
            self._ending.end(landing.ends, signed_in.now, EndedBy.REPLACED)
        return Landed(landing=landing)

    def _finish_known(self, signed_in: SignedIn) -> Landing | None:
        """Finish with nothing written but a line in the audit, or return none where there is more to write.

        The line is written when the code is there already, and before anybody has it.
        """
        handler = self._reading.get(signed_in.transaction.goal)
        if handler is None:
            return None
        with self._database.change() as connection:
            found = handler.finish_known(connection, signed_in)
            if found is None:
                return None
            landing, told = found
            self._end(signed_in.transaction, landing)
            self._audit.record(connection, **told)
        return landing

    def _end(self, transaction: Transaction, landing: Landing) -> None:
        """In one step end the transaction and have appear what it leads to. Raises ``BrokerError``."""
        ended = self._store.commit(
            take=[self._transactions.key(transaction), *landing.take],
            put=landing.put,
            delete=landing.delete,
            index=landing.index,
        )
        if not ended:
            raise expired("transaction already finished, or its session ended")

    def _challenge(self, flow: Flow, provider: Provider, again: Ask, now: datetime) -> Again | Refused:
        first = self.handlers[flow.transaction.goal].preview(flow.transaction).ask
        # What the registry demanded holds for the second redirect too.
        ask = replace(
            again,
            reauthenticate=first.reauthenticate or again.reauthenticate,
            max_age=first.max_age,
            tenant=flow.tenant,
            mapping=first.mapping,
        )
        return self._send(flow.transaction, provider, ask, flow.challenges + 1, now)

    def _send(
        self,
        transaction: Transaction,
        provider: Provider,
        ask: Ask,
        challenges: int,
        now: datetime,
        *,
        first: bool = False,
    ) -> Again | Refused:
        try:
            with self.circuits[provider.id].passage():
                redirect = provider.begin(ask)
        except ProviderError as error:
            return self._refusals.faulty(transaction, provider, error, now)
        flow = Flow(
            transaction=transaction,
            provider_id=provider.id,
            private=redirect.flow,
            challenges=challenges,
            tenant=ask.tenant,
        )
        look = self._sign_ins.to_look_at(provider.id)
        looked = self._transactions.keep_flow(redirect.state, flow, now, look, first=first)
        if challenges == 0:
            self._sign_ins.check(provider.id, looked)
        return Again(url=redirect.url)


def _anew(verdict: Verdict, provider: Provider) -> Ask | None:
    """Return the request for a new authentication, where it was too old: a tenant's limit is known only afterwards."""
    if verdict.reason is Reason.AUTHENTICATION_TOO_OLD and provider.capabilities.can_reauthenticate:
        return Ask(reauthenticate=True)
    return None
