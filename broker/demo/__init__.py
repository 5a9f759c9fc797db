"""The demo: the whole main job on one machine, with nothing installed and nobody real.

Enter at :func:`broker.demo.runner.run`, which is ``vestibule demo``. It starts three processes, the stand-ins of
Microsoft, GitHub and a generic OpenID provider, the broker, and a demo registry, and stops them when it ends.
``registry`` is an honest relying party that shows what a real one has to do.

What always holds: everything listens on loopback; everything it writes is in one folder; secrets are made there
the first time, and kept.
"""
