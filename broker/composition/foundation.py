"""What everything stands on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.audit.service import Audit
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.limits.raises import Raises
from broker.limits.service import Limits
from broker.settings import Settings
from broker.settings.clients import ALGORITHMS
from broker.storage.database import Database
from broker.storage.store import ShortLived, open_store
from broker.switches.service import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Storage, keys, the record of what was done, and what waits to be sent."""

    settings: Settings
    clock: Callable[[], datetime]
    database: Database
    store: ShortLived
    cipher: FieldCipher
    index: BlindIndex
    keys: SigningKeys
    audit: Audit
    rotation: Rotation
    outbox: Outbox
    raises: Raises
    limits: Limits
    switches: Switches


def lay(settings: Settings, clock: Callable[[], datetime]) -> Foundation:
    """Return it. Nothing is connected yet."""
    database = Database(settings.database.url, hurried=True, replica_url=settings.database.replica_url)
    cipher = FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
    keys = SigningKeys(database, cipher, ALGORITHMS)
    audit = Audit(database, settings.secrets.audit_key())
    store, index = open_store(settings.store.url), BlindIndex(settings.secrets.index_key())
    raises = Raises(database, audit)
    return Foundation(
        settings=settings,
        clock=clock,
        database=database,
        store=store,
        cipher=cipher,
        index=index,
        keys=keys,
        audit=audit,
        rotation=Rotation(database, cipher, keys, audit, settings.keys),
        outbox=Outbox(cipher),
        raises=raises,
        limits=Limits(store=store, index=index, settings=settings.limits, raises=raises, clock=clock),
        switches=Switches(database, store, audit),
    )
