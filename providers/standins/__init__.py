"""Loopback stand-ins of Microsoft, GitHub and a generic OpenID provider, for the demo and the tests.

Enter at :class:`Standins`: ``Standins.start(registrations=register_all([callback_url]))``, or run
``python -m providers.standins``. Nobody has a password here; whoever reaches the sign-in page picks a
persona. So they listen on 127.0.0.1 only, and their keys are made at start.

They speak the real wire format, ``upstreams.md`` sections 1.14 and 3.8. ``toggles`` turns on attacks and
failures, and :func:`~providers.standins.browser.sign_in` plays the browser. Nothing outside the demo and the
tests imports this.
"""

from .directory import (
    CLIENT_IDS,
    CONTOSO,
    EVIDENCE_API,
    EVIDENCE_SCOPE,
    FABRIKAM,
    MSA,
    NORTHWIND,
    OPERATOR,
    TENANTS,
    Kind,
    Registration,
    register_all,
)
from .personas import Canary, Persona, demo_personas
from .server import Standins, people
from .toggles import TOGGLES
from .world import Seen

__all__ = [
    "CLIENT_IDS",
    "CONTOSO",
    "EVIDENCE_API",
    "EVIDENCE_SCOPE",
    "FABRIKAM",
    "MSA",
    "NORTHWIND",
    "OPERATOR",
    "TENANTS",
    "TOGGLES",
    "Canary",
    "Kind",
    "Persona",
    "Registration",
    "Seen",
    "Standins",
    "demo_personas",
    "people",
    "register_all",
]
