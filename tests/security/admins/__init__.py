"""Everybody before everything that admins and operators can do: who may, and that nothing happens where one may not.

Enter at ``allowed.TABLE``: for each address the set of those who may, and a request that is good but for who sends it.
``town`` is the broker with the people in it, as ``founding`` made it, put back after whatever changed something.
"""
