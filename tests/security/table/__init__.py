"""Every endpoint, page and grant against every family of attack that could concern it.

Enter at ``rows.TABLE``: for each rule and method of the URL map, and for each grant of the token endpoint, a check or
the reason why there is none, family by family. ``test_table`` holds the table against the running broker, so that
nothing new can be forgotten, and makes each cell a test. ``house`` is the one broker they all attack, over HTTP;
``scenes`` has what was given out before something was closed.
"""
