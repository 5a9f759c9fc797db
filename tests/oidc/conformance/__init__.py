"""What the OpenID Foundation's conformance suite asks of a provider, one test a module, by the suite's own names.

``names`` has the modules of each plan. A plan's tests run over all its names, and look the module's function up in
a table, so one that is missing is a red test that says which. The suite itself decides about certificates; what is
here shows beforehand what it would find, over TLS, with clients that are made as its instructions say.
"""
