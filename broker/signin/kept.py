"""Proofs that something rests on which takes effect later: they are judged again then (T1).

Days may lie between the word and its effect. What counts at the effect is today's rule over the proof as it was when it
was given: whoever could not have given their word under the rule of today does not have it carried out.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal_column
from broker.signin.model import kept_proofs as table
from broker.signin.policy import Policy
from broker.signin.proven import Proven
from broker.signin.standing import Standing, judge
from broker.storage.schema import has
from claims.decision import Purpose
from claims.evidence import Authentication, dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A sign-in that nothing else remembers: a :class:`~broker.signin.proven.Proven`."""

    account_id: str
    identity_id: str
    provider_id: str
    tenant: str
    guest: bool
    signed_in_at: datetime
    authentication: Authentication

    def as_of(self, now: datetime) -> "SignIn":
        """Return it as somebody would come by it now: a tenant limits the length of sessions, not of waiting."""
        return replace(self, signed_in_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProofs:
    """Keeps and judges them. A ``reference`` is the id of what rests on the proof."""

    cipher: FieldCipher
    standing: Standing
    policy: Policy

    def keep(self, connection: Connection, reference: str, proven: Proven, now: datetime) -> None:
        """Keep the proof that was judged ``now``. A database that is not upgraded yet has no place for it."""
        if not has(connection, table):
            return
        kept = {
            "account_id": proven.account_id,
            "identity_id": proven.identity_id,
            "provider_id": proven.provider_id,
            "tenant": proven.tenant,
            "guest": proven.guest,
            "signed_in_at": proven.signed_in_at.isoformat(),
            "authentication": dump(proven.authentication),
        }
        sealed = self.cipher.seal(json.dumps(kept).encode(), sealing_context(reference))
        connection.execute(insert(table).values(reference=reference, proof_sealed=sealed, kept_at=now))

    def are_shut_out(self, connection: Connection, reference: str, now: datetime) -> bool:
        """Return whether a kill switch shuts the way of what was kept: then nothing is judged until it is restored."""
        found = self._find(connection, reference)
        if found is None:
            return False
        sign_in, _ = found
        return self.standing.switches.thrown(now, connection).shuts(sign_in.provider_id, sign_in.tenant)

    def still_hold(self, connection: Connection, reference: str, purpose: Purpose, now: datetime) -> bool:
        """Return whether what was kept would do for ``purpose`` by the rules of ``now``, and its way is open still.

        No exception stands in its place. What began before proofs were kept has none, and is not judged here.
        Raises ``Undecryptable``.
        """
        found = self._find(connection, reference)
        if found is None:
            return True
        sign_in, kept_at = found
        admission, person = self.standing.open_way(connection, sign_in.as_of(now), now)
        if admission is None or person is None:
            return False
        # Its age is what it was then: whoever waits as they are told to is not late.
        requirement = self.policy.requirement(purpose, kept_at)
        verdict, _ = judge(requirement, admission, sign_in.authentication, kept_at, list)
        return verdict.satisfied

    def forget(self, connection: Connection, references: Collection[str]) -> None:
        """Forget the proofs of what has ended."""
        forget(connection, references)

    def _find(self, connection: Connection, reference: str) -> tuple[SignIn, datetime] | None:
        """Return what was kept and when, or none."""
        row = None
        if has(connection, table):
            row = connection.execute(select(table).where(table.c.reference == reference)).one_or_none()
        if row is None:
            return None
        kept = json.loads(self.cipher.open(row.proof_sealed, sealing_context(reference)))
        sign_in = SignIn(
            account_id=kept["account_id"],
            identity_id=kept["identity_id"],
            provider_id=kept["provider_id"],
            tenant=kept["tenant"],
            guest=kept["guest"],
            signed_in_at=datetime.fromisoformat(kept["signed_in_at"]),
            authentication=load(kept["authentication"]),
        )
        return sign_in, row.kept_at


def forget(connection: Connection, references: Collection[str]) -> None:
    """Forget the proofs of what has ended."""
    if references and has(connection, table):
        connection.execute(delete(table).where(table.c.reference.in_(references)))


def sealing_context(reference: str) -> str:
    """Bind a sealed proof to its column and its row."""
    return f"kept_proofs.proof:{reference}"


def reseal_proofs(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the proofs again, and return how many. A ``broker.keys.reseal.Reseal``."""
    if not has(connection, table):
        return 0
    return reseal_column(connection, cipher, table, "proof_sealed", sealing_context)
