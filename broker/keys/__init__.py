"""Keys: what signs our tokens, what encrypts personal data at rest, what makes subjects unrecognisable.

Enter at ``signing.SigningKeys`` (what every process signs and publishes with), ``rotation.Rotation`` (how keys come
and go), ``reseal.reseal`` (how the keys that encrypt are replaced), ``cipher.FieldCipher``,
``pseudonyms.Pseudonyms`` and ``BlindIndex``.

What always holds: a key is 32 bytes and comes from outside, except signing keys, which are made here and kept
encrypted until they are gone; versions are named v1, v2, …, the highest is used and all of them are read; a column
of sealed values is named ``…_sealed``; no error and no log line carries a key or what it protects.
"""
