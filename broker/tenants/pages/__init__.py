"""The pages about tenants and exceptions: those of an organisation's admins, and the operators' one.

Enter at ``views``, whose blueprint has every address. ``proof`` is the way to Microsoft and back, by which a tenant is
mapped; ``words`` has what the pages say of a state.

What always holds: a form changes something only in the database transaction in which its sender was found to be an
admin, or an operator, with a fresh proof; what a browser brings from Microsoft is believed for nothing; whoever is no
operator does not learn that there is a page for them.
"""
