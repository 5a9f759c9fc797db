"""Sealed records: neither handle nor content can be read from the store, and neither can be swapped."""

from secrets import token_bytes

from broker.keys.cipher import FieldCipher
from broker.storage.memory import MemoryStore
from broker.storage.sealed import SealedRecords, digest


def test_a_record_is_filed_under_the_hash_of_its_handle_and_sealed() -> None:
    store, cipher = MemoryStore(), FieldCipher({"v1": token_bytes(32)})
    records = SealedRecords(store, cipher, "kind")
    records.put("handle", {"secret": "canary"}, 60)
    raw = store.get(f"kind:{digest('handle')}")
    assert raw is not None
    assert b"canary" not in raw
    assert records.get("handle") == {"secret": "canary"}
    assert records.get_by_digests([digest("handle"), digest("other")]) == [{"secret": "canary"}, None]
    assert records.take("handle") == {"secret": "canary"}
    assert records.take("handle") is None


def test_a_record_moved_to_another_key_or_sealed_by_another_key_is_not_there() -> None:
    store, cipher = MemoryStore(), FieldCipher({"v1": token_bytes(32)})
    records = SealedRecords(store, cipher, "kind")
    records.put("one", {"a": 1}, 60)
    raw = store.get(records.key("one"))
    assert raw is not None
    store.put(records.key("two"), raw, 60)
    assert records.get("two") is None
    assert SealedRecords(store, FieldCipher({"v1": token_bytes(32)}), "kind").get("one") is None
    store.put(records.key("list"), cipher.seal(b"[]", records.key("list")), 60)
    assert records.get("list") is None
