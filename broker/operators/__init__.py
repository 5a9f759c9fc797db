"""Pages of operators about the broker itself.

Enter at ``views``. What always holds: only operators see anything; nothing here tells of a person.
"""
