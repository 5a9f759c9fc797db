"""``make soak``: two broker hosts, a worker, nginx, Redis and PostgreSQL, each on a host of its own, while parts fail.

Enter at :mod:`tests.soak.__main__`. ``network`` makes the hosts, ``estate`` what runs on them, ``people`` and ``acts``
the load, ``ledger`` keeps what the load was told, ``phases`` are what goes wrong, and ``checks`` compares in the end
what was acknowledged with what is there. ``report`` writes it down.

What always holds: nothing is left behind on the machine. The namespaces have no names and end with the processes in
them, and these end with the soak, however that ends.
"""
