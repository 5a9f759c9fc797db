"""What is kept of a sign-in that was refused: the reason with its transaction, a number, and a line."""

from datetime import datetime

import structlog

from broker import metrics
from broker.audit.service import Audit
from broker.signin.outcomes import Refused
from broker.signin.transactions import Transaction, Transactions
from broker.storage.database import Database
from claims.decision import Verdict
from providers.provider import Missing, Provider, ProviderError

log = structlog.get_logger(__name__)


class Refusals:
    """Keeps them: for the answer to the registry, for the numbers, and for the audit or the log."""

    def __init__(self, transactions: Transactions, database: Database, audit: Audit) -> None:
        self._transactions = transactions
        self._database = database
        self._audit = audit

    def faulty(self, transaction: Transaction, provider: Provider, error: ProviderError, now: datetime) -> Refused:
        """Return what a fault ends in. Nobody was identified: anybody can bring that about, and only the log has it."""
        log.warning(
            "provider fault",
            provider=provider.id,
            code=error.code.value,
            upstream_code=error.upstream_code,
            correlation_id=error.correlation_id,
            detail=error.detail,
        )
        metrics.faulty(provider.id, error.code.value)
        refused = Refused(transaction=transaction, provider=provider, error=error)
        self._transactions.refuse(transaction, refused.reason, now)
        return refused

    def unproven(
        self,
        transaction: Transaction,
        provider: Provider,
        verdict: Verdict,
        missing: Missing | None,
        now: datetime,
    ) -> Refused:
        """Return what a proof that was not enough ends in, with a line in the audit."""
        metrics.refused(provider.id, verdict.reason.value)
        refused = Refused(transaction=transaction, provider=provider, verdict=verdict, missing=missing)
        self._transactions.refuse(transaction, refused.reason, now)
        with self._database.begin() as connection:
            self._audit.record(
                connection,
                action="signin.refused",
                provider_id=provider.id,
                detail={"reason": refused.reason, "kind": transaction.goal.value},
                now=now,
            )
        return refused
