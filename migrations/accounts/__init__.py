"""The way out of the old world: password accounts and shared team aliases become people and organisations.

Enter at ``importing`` (what a registry exported), ``claiming`` (a person and their old account), ``recovery`` (when
proofs are missing), ``conversion`` (a shared account becomes an organisation) and ``campaign`` (dates, mails,
progress). All of them come down to a case (``cases``), whose effect, undoing and end are in ``effects`` alone.

What always holds: nothing is attached to anybody without the full set of proofs of its kind; an old password opens no
session and yields no token; what takes effect can be undone for 14 days, by the old address; names, addresses and
hashes are sealed, and go by a date; the registry is told of each effect in the transaction that brings it about.
"""
