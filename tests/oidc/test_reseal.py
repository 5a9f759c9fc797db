"""Replacing the key that encrypts: what is kept for long is sealed again, and opens with the new key alone."""

import os

from sqlalchemy import text

from broker.commands.keys import RESEALED
from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal
from broker.settings.values import decode_key
from broker.storage.database import Database
from tests.oidc.kinds import refresh, sign_in
from tests.world import World

ROOMS = {
    "people.name_sealed": "SELECT account_id AS id, name_sealed AS sealed FROM people",
    "people.email_sealed": "SELECT account_id AS id, email_sealed AS sealed FROM people",
    "refresh_families.record_sealed": "SELECT id, record_sealed AS sealed FROM refresh_families",
}


def test_names_emails_and_proofs_open_with_the_new_key_alone(world: World) -> None:
    sign_in(world, "registry")
    settings, database = world.parts.settings, world.parts.database
    old, new = decode_key(settings.secrets.encryption["v1"]), os.urandom(32)
    cipher = FieldCipher({"v1": old, "v2": new})
    with database.begin() as connection:
        counts = reseal(connection, cipher, world.parts.audit, RESEALED, world.clock())
    assert counts["people.name_sealed"] == counts["people.email_sealed"] == 1
    assert opened(database, FieldCipher({"v2": new})) == {"people.name_sealed": 1, "people.email_sealed": 1}
    with database.begin() as connection:
        assert set(reseal(connection, cipher, world.parts.audit, RESEALED, world.clock()).values()) == {0}


def test_a_refresh_token_goes_on_after_it(busy: World) -> None:
    token = sign_in(busy, "offline").response["refresh_token"]
    settings, database = busy.parts.settings, busy.parts.database
    cipher = FieldCipher(settings.secrets.encryption_keys())
    with database.begin() as connection:
        assert RESEALED["refresh_families.record_sealed"](connection, cipher) == 0
    newer = FieldCipher({**settings.secrets.encryption_keys(), "v2": os.urandom(32)})
    with database.begin() as connection:
        assert RESEALED["refresh_families.record_sealed"](connection, newer) >= 1
        connection.rollback()
    assert refresh(busy, "offline", token).status_code == 200


def opened(database: Database, cipher: FieldCipher) -> dict[str, int]:
    """Return how many values of each room open with this cipher; all of them must."""
    found: dict[str, int] = {}
    with database.read() as connection:
        for name, statement in ROOMS.items():
            rows = [row for row in connection.execute(text(statement)) if row.sealed is not None]
            context = name.removesuffix("_sealed")
            assert all(cipher.open(row.sealed, f"{context}:{row.id}") for row in rows)
            found |= {name: len(rows)} if rows else {}
    return found
