"""The operators' pages of the campaign, and the one by which people unsubscribe.

Enter at ``views``. What always holds: only operators see anything, and what changes something takes a fresh one of
them; names and addresses are in no URL; what cannot be read is shown again as it was typed, with the problem beside it.
"""
