"""A shared account of the old world becomes an organisation, by the word of at least two people.

Enter at ``service``. Whoever proves the account (password and mailbox) and themself (a sign-in with MFA) names the
organisation and its admins; each accepts by a sign-in of their own; the shared mailbox is told, and anybody behind it
can stop it for seven days. ``effects`` does the rest, in one transaction, and it can be undone for 14 days.

What always holds: an admin is who accepted, with the very address that was named, by a POST, with a fresh proof; one
account takes one place; the shared mailbox itself is nobody's place; fewer than two admins who can still sign in get
nothing; a GET changes nothing.
"""
