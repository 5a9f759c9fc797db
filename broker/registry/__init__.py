"""What a registry written in Python may import: the standard library's company alone, and nothing else of ours.

Enter at ``stepup``: asking a signed-in user for more, as RFC 9470 has it.
"""
