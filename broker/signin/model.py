"""The tables of what providers have been seen to prove, of the probes that see it, and of proofs that are kept."""

from sqlalchemy import Column, LargeBinary, String, Table, Text

from broker.storage.database import UtcDateTime, metadata

provider_proofs = Table(
    "provider_proofs",
    metadata,
    Column("provider_id", String, primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("proven_at", UtcDateTime, nullable=False),
    Column("evidence", Text, nullable=False),  # masked, as JSON
)

probes = Table(
    "probes",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("provider_id", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("result", Text),  # masked, as JSON; none until the sign-in has come back
)

kept_proofs = Table(
    "kept_proofs",
    metadata,
    Column("reference", String, primary_key=True),  # the id of what rests on it: a case, a future admin, a change
    Column("proof_sealed", LargeBinary, nullable=False),  # JSON: a whole sign-in, as broker.signin.kept has it
    Column("kept_at", UtcDateTime, nullable=False),  # when it was judged first
)
