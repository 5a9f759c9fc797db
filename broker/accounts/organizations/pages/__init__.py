"""The pages of organisations: what admins see and change, what members see, and the door for those who are invited.

Enter at ``views``, whose blueprint has every address. ``shown`` gathers what the pages show, ``words`` has
what is said.

What always holds: a form changes something only in the database transaction in which its sender was found to be an
admin with a fresh proof; two need no fresh one, as they only undo what is not in effect yet. What cannot be read is
shown again as it was typed, with the problem beside it, and nothing has changed.
"""
