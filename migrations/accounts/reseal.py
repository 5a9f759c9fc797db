"""What is sealed of the old world, sealed again when the key that encrypts is replaced. Each is a ``Reseal``."""

from collections.abc import Mapping
from functools import partial

from broker.keys.reseal import Reseal, reseal_column
from migrations.accounts import admins, cases
from migrations.accounts.model import case_admins, legacy_accounts
from migrations.accounts.model import cases as case_table
from migrations.accounts.records import sealing_context


def _of_account(field: str) -> Reseal:
    context = partial(sealing_context, field)
    return partial(reseal_column, owner=legacy_accounts, name=f"{field}_sealed", context=context)


RESEALED: Mapping[str, Reseal] = {
    "legacy_accounts.name_sealed": _of_account("name"),
    "legacy_accounts.email_sealed": _of_account("email"),
    "legacy_accounts.hash_sealed": _of_account("hash"),
    "migration_cases.details_sealed": partial(
        reseal_column, owner=case_table, name="details_sealed", context=cases.details_context
    ),
    "migration_case_admins.email_sealed": partial(
        reseal_column, owner=case_admins, name="email_sealed", context=admins.email_context
    ),
}
