"""The campaign: from the first announcement to the day when every hash is gone, and what operators steer it by.

Enter at ``campaign``, which has all of it: ``phases`` (the dates), ``outlook`` (what stops for whom, and when),
``progress`` and ``curve`` (how far it is), ``templates``, ``letters`` and ``waves`` (mails), ``unsubscribing``,
``aliases`` and ``exceptions`` (operators' words), ``lapsed`` (domains that are nobody's any more), ``closing``. The
operators' pages are in ``pages``.

What always holds: nobody gets the mails of a template twice, whenever a worker is killed; nothing goes to an address
that is unconfirmed, lapsed or unsubscribed; what operators write is text, in which known words are replaced once, and
never code; numbers take the same few statements for ten accounts and for a million.
"""
