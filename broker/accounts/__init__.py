"""People: accounts, the identities linked to them, and the only personal data at rest.

Enter at :class:`~broker.accounts.service.Accounts` for the verbs, at :mod:`~broker.accounts.views` for the pages.

What always holds: an account is found by subject, never by email; name and email are sealed and bound to their row;
an identity belongs to one account; the last one stays; whatever changes who can get in takes a fresh proof.
"""
