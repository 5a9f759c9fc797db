"""Old password hashes: read exactly, wrapped so that a stolen table is worth nothing, and verified under limits.

Enter at ``formats`` (what a registry exported -> :class:`~.formats.Parsed`), ``wrapped`` (what is kept of it),
``verifying`` (a guess) and ``breached`` (passwords that are known to thieves).

What always holds: a hash that is not exactly of a known format is refused with a code, and so is one whose
verification would cost too much; no digest is kept, only its HMAC under a key that is not in the database, with
argon2id beneath it where the digest alone is guessed quickly; no more guesses are verified than the limits allow,
whether or not the account is there; a list of breached passwords that does not answer lets nothing through.
"""
