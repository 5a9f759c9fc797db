"""A person and their old account: claimed with three proofs, or attached by an identity that the registry had linked.

Enter at ``service`` (an attempt, its proofs, the claim), ``mailbox`` (the link that proves the old address), ``linked``
(a sign-in that attaches what waits for it) and ``views`` (the pages, those behind the links of mails among them).

What always holds: only the old password, the mailbox and a fresh sign-in with MFA, all in the browser that began, link
anything; what came of a password, and whether there is such an account at all, is told only to whoever has proven
its mailbox; the password opens no session; a link in a mail does nothing before a button is pressed.
"""
