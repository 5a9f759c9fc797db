"""Organisations: who belongs to them, in which role, by what rule, and what waits to change.

Enter at :class:`~broker.accounts.organizations.service.Organizations` for the verbs, at
:class:`~broker.accounts.organizations.authority.Authority` for who may call them: what changes an organisation takes
a capability, such as ``FreshAdmin``, that only a judged sign-in yields.

What always holds: an organisation has an admin; a membership counts while its member's sign-in meets the rules, and
no longer; what weakens is told to all admins, waits a day and can be stopped; nobody approves their own request.
"""
