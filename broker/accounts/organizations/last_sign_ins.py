"""How members signed in last, sealed: what a rule that changes would have made of it is shown before it is saved."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, LargeBinary, String, delete, exists, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.accounts.organizations.model import last_sign_ins, memberships
from broker.keys.cipher import FieldCipher
from broker.signin.proven import Proven
from broker.storage.database import UtcDateTime
from claims.evidence import Authentication, dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSignIn:
    """A sign-in of the past. It can be judged, but nothing can rest on it: by which identity it was is not kept."""

    account_id: str
    provider_id: str
    tenant: str
    guest: bool
    signed_in_at: datetime
    authentication: Authentication

    @property
    def identity_id(self) -> str:
        """Return the id of no identity."""
        return ""


class LastSignIns:
    """One of each account that is a member of an organisation; of nobody else."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    def record(self, connection: Connection, proven: Proven, now: datetime) -> None:
        """Keep a sign-in in place of the one before, if it is a member's. One statement."""
        account_id = proven.account_id
        kept = {
            "provider_id": proven.provider_id,
            "tenant": proven.tenant,
            "guest": proven.guest,
            "authentication": dump(proven.authentication),
        }
        sealed = self._cipher.seal(json.dumps(kept).encode(), sealing_context(account_id))
        values = select(
            literal(account_id, String()), literal(now, UtcDateTime()), literal(sealed, LargeBinary())
        ).where(exists().where(memberships.c.account_id == account_id))
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(last_sign_ins).from_select(["account_id", "at", "proof_sealed"], values)
        newer = {"at": statement.excluded.at, "proof_sealed": statement.excluded.proof_sealed}
        connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=newer))

    def of(self, connection: Connection, account_ids: Collection[str]) -> Mapping[str, PastSignIn]:
        """Return what there is of these accounts, by their id."""
        rows = connection.execute(select(last_sign_ins).where(last_sign_ins.c.account_id.in_(account_ids)))
        return {row.account_id: self._open(row.account_id, row.at, row.proof_sealed) for row in rows}

    def forget(self, connection: Connection, account_id: str) -> None:
        """Forget how an account signed in."""
        connection.execute(delete(last_sign_ins).where(last_sign_ins.c.account_id == account_id))

    def _open(self, account_id: str, at: datetime, sealed: bytes) -> PastSignIn:
        kept = json.loads(self._cipher.open(sealed, sealing_context(account_id)))
        return PastSignIn(
            account_id=account_id,
            provider_id=kept["provider_id"],
            tenant=kept["tenant"],
            guest=kept["guest"],
            signed_in_at=at,
            authentication=load(kept["authentication"]),
        )


def sealing_context(account_id: str) -> str:
    """Bind a sealed sign-in to its column and its row."""
    return f"last_sign_ins.proof:{account_id}"
