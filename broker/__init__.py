"""The broker: what we do with a provider's answer.

Enter at ``broker.app.create_app``, which puts everything together, or at ``broker.cli``, the ``vestibule``
command. Each feature is a room: ``model.py`` its tables, ``service.py`` its verbs, ``views.py`` its pages.

What always holds: a provider reports and ``claims.decide`` decides, before any write and wherever an earlier proof
is reused; rooms speak to each other through their verbs, never through each other's tables.
"""
