"""Which providers have shown, in one real sign-in, that their evidence really comes back.

Microsoft's evidence for third parties is not fully documented, and so no provider signs anybody in before
``vestibule probe`` has seen it at work, unless its ``insecure_allow_unproven`` says so. A proof belongs to the
configuration it was made with: its fingerprint.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from broker.signin.model import probes, provider_proofs
from broker.storage.database import Database
from broker.storage.sealed import digest
from providers.catalog import ProviderSettings, fingerprint

PROBE_LIFETIME = timedelta(minutes=30)


class ProofState(StrEnum):
    """How a provider stands."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    ALLOWED_UNPROVEN = "insecure_allow_unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe brought: masked claims, and whether policy would have been satisfied."""

    provider_id: str
    satisfied: bool
    reason: str
    shown: Mapping[str, str]


class ProviderProofs:
    """Proofs in the database. A proof once seen is remembered; a missing one is looked up each time."""

    def __init__(self, providers: Mapping[str, ProviderSettings], database: Database) -> None:
        self._providers = providers
        self._fingerprints = {each: fingerprint(settings) for each, settings in providers.items()}
        self._database = database
        self._proven: set[str] = set()

    def usable(self, provider_id: str) -> bool:
        """Return whether the provider may sign people in. No statement where that is already known."""
        if provider_id in self._proven or self._providers[provider_id].insecure_allow_unproven:
            return True
        return self.state(provider_id) is ProofState.PROVEN

    def state(self, provider_id: str) -> ProofState:
        """Return how the provider stands. At most one statement."""
        if provider_id in self._proven:
            return ProofState.PROVEN
        if self._is_proven(provider_id):
            self._proven.add(provider_id)
            return ProofState.PROVEN
        if self._providers[provider_id].insecure_allow_unproven:
            return ProofState.ALLOWED_UNPROVEN
        return ProofState.UNPROVEN

    def start_probe(self, provider_id: str, now: datetime) -> str:
        """Return the token of a new probe, good for one sign-in within half an hour."""
        token = secrets.token_urlsafe(24)
        with self._database.begin() as connection:
            connection.execute(delete(probes).where(probes.c.expires_at <= now))
            connection.execute(
                insert(probes).values(
                    token_hash=digest(token),
                    provider_id=provider_id,
                    created_at=now,
                    expires_at=now + PROBE_LIFETIME,
                )
            )
        return token

    def probed_provider(self, token: str, now: datetime) -> str | None:
        """Return the provider of a probe that waits for its sign-in, or none."""
        with self._database.read() as connection:
            provider_id = connection.execute(
                select(probes.c.provider_id).where(
                    probes.c.token_hash == digest(token), probes.c.expires_at > now, probes.c.result.is_(None)
                )
            ).scalar_one_or_none()
        return None if provider_id is None else str(provider_id)

    def record(self, connection: Connection, token: str, result: ProbeResult, now: datetime) -> None:
        """Store what a probe brought, and the proof if it was one. Raises ``LookupError`` for a used probe."""
        stored = json.dumps({"satisfied": result.satisfied, "reason": result.reason, "shown": dict(result.shown)})
        changed = connection.execute(
            update(probes)
            .where(probes.c.token_hash == digest(token), probes.c.result.is_(None), probes.c.expires_at > now)
            .values(result=stored)
        )
        if changed.rowcount != 1:
            raise LookupError("the probe is over")
        if result.satisfied:
            provider_id = result.provider_id
            key = self._fingerprints[provider_id]
            connection.execute(
                delete(provider_proofs).where(
                    provider_proofs.c.provider_id == provider_id, provider_proofs.c.fingerprint == key
                )
            )
            connection.execute(
                insert(provider_proofs).values(
                    provider_id=provider_id,
                    fingerprint=key,
                    proven_at=now,
                    evidence=json.dumps(dict(result.shown)),
                )
            )

    def probe_result(self, token: str) -> ProbeResult | None:
        """Return what the probe brought, or none as long as nobody has signed in."""
        with self._database.read() as connection:
            row = connection.execute(
                select(probes.c.provider_id, probes.c.result).where(probes.c.token_hash == digest(token))
            ).one_or_none()
        if row is None or row.result is None:
            return None
        return ProbeResult(provider_id=row.provider_id, **json.loads(row.result))

    def _is_proven(self, provider_id: str) -> bool:
        with self._database.read() as connection:
            found = connection.execute(
                select(provider_proofs.c.provider_id).where(
                    provider_proofs.c.provider_id == provider_id,
                    provider_proofs.c.fingerprint == self._fingerprints[provider_id],
                )
            ).one_or_none()
        return found is not None
