"""Kill switches: a provider, a tenant or a client is off; nothing is changed; nobody new signs up.

Enter at ``service`` (what is thrown, and throwing it) and ``guard`` (what requests get while nothing may be changed).
What always holds: the truth is in the database, and the shared store has a copy for as long as it can be trusted; no
process keeps one. What cannot be read is not taken for a switch that is on. Each change is in the audit record with
what was before. A switch that is restored revives nothing that ended meanwhile.
"""
