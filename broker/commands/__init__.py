"""The subcommands of ``vestibule``, one module a subject; ``broker.cli`` puts them together.

What always holds: a command that cannot do its work says so in a sentence with the next step, and ends with 2;
1 means that it did its work and the answer is bad (a probe that proved nothing, an audit chain that was broken).
No command prints a secret that it did not just make.
"""
