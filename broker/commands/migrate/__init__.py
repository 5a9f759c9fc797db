"""``vestibule migrate``: the way out of the old world, for whoever runs the broker.

Enter at ``group``. Each module has the commands of one matter; ``old_world`` is what they start from. None of them
shows anything personal.
"""
