"""The table of sign-ins by the hour, counted from the audit.

One row is no hour: that of 1970 without a provider. Its count is the last seal of the audit that was counted, so that
what is counted and up to where change in one transaction.
"""

from sqlalchemy import BigInteger, Column, String, Table

from broker.storage.database import UtcDateTime, metadata

sign_in_counts = Table(
    "sign_in_counts",
    metadata,
    Column("hour", UtcDateTime, primary_key=True),  # its beginning
    Column("provider_id", String, primary_key=True),
    Column("outcome", String, primary_key=True),  # "signed_in", or the reason code of the refusal
    Column("count", BigInteger, nullable=False),
)
