"""Entra tenants: whose they are, what their organisations ask of a sign-in, and what their admins attested.

Enter at :class:`~broker.tenants.admission.Admissions`, which says on what terms the people of a tenant may sign in
now; ``mappings``, ``attestations`` and ``exceptions`` hold the verbs, ``rules`` what a rule is.

What always holds: a tenant is known by its ``tid`` alone, never by a name or a domain; it belongs to one organisation
at a time; what is not active admits nobody; an attestation counts until its review, an exception until its end, and
neither longer; terms are looked up at every use, never remembered.
"""
