"""The two goals that are the broker's own: a session for the account page, and a probe of a provider."""

import re
from datetime import datetime

from sqlalchemy import Connection

from broker.signin.goals import Landing, Preview, SignedIn
from broker.signin.opening import Opening
from broker.signin.policy import Policy
from broker.signin.proofs import ProbeResult, ProviderProofs
from broker.signin.transactions import Transaction
from broker.web.destinations import Destination
from broker.web.errors import BrokerError
from claims.decision import Purpose, Requirement
from providers.provider import Ask

ACCOUNT_PATH = "/account"
_OWN_PAGE = re.compile(
    r"/(account|organizations|operator|invitations|claim|recover|convert|device)(/[A-Za-z0-9_-]{1,64})*(\?[A-Za-z0-9_=&.%+-]{0,1000})?"
)


def own_page(wanted: str | None) -> str:
    """Return where a sign-in may lead on to: one of our own pages, or the account page for anything else."""
    return wanted if wanted is not None and _OWN_PAGE.fullmatch(wanted) else ACCOUNT_PATH


class AccountGoal:
    """The user wants their account page, or another of our own pages.

    Payload: ``fresh``, true where the proof must be a recent one; ``next``, the page, as :func:`own_page` has it.
    """

    def __init__(self, opening: Opening, policy: Policy) -> None:
        self._opening = opening
        self._policy = policy

    def preview(self, transaction: Transaction) -> Preview:
        max_age = int(self._policy.ask_fresh.total_seconds()) if transaction.payload["fresh"] is True else None
        return Preview(
            audience="your account",
            need="Your account opens only to a sign-in that is protected by a second factor.",
            ask=Ask(max_age=max_age),
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        del provider_id
        if transaction.payload["fresh"] is True:
            return self._policy.fresh_requirement(Purpose.SIGN_IN)
        return self._policy.requirement(Purpose.SIGN_IN, now)

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        opened = self._opening.open(connection, signed_in)
        return Landing(
            location=str(signed_in.transaction.payload.get("next", ACCOUNT_PATH)),
            put=[opened.entry],
            take=opened.takes,
            delete=opened.replaces,
            index=opened.index,
            ends=opened.ends,
            session_token=opened.token,
        )

    def back(self, transaction: Transaction) -> Destination | None:
        del transaction
        return None


class ProbeGoal:
    """An operator wants to see what a provider really sends. Payload: ``token`` and ``provider``.

    Nobody is signed in and no account is made or looked up.
    """

    def __init__(self, proofs: ProviderProofs, policy: Policy) -> None:
        self._proofs = proofs
        self._policy = policy

    def preview(self, transaction: Transaction) -> Preview:
        return Preview(
            audience="a probe",
            need="This sign-in shows what the provider sends, and signs nobody in.",
            ask=Ask(),
            providers=frozenset({str(transaction.payload["provider"])}),
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        del transaction, provider_id
        return self._policy.requirement(Purpose.SIGN_IN, now)

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        token = str(signed_in.transaction.payload["token"])
        result = ProbeResult(
            provider_id=signed_in.provider_id,
            satisfied=signed_in.verdict.satisfied,
            reason=signed_in.verdict.reason.value,
            shown=signed_in.shown,
        )
        try:
            self._proofs.record(connection, token, result, signed_in.now)
        except LookupError as error:
            raise BrokerError(
                status=400,
                code="probe_over",
                sentence="This probe is over.",
                next_step="Start a new one with vestibule probe.",
                detail="probe used or expired",
            ) from error
        return Landing(location=f"/probe/{token}/done")

    def back(self, transaction: Transaction) -> Destination | None:
        del transaction
        return None
