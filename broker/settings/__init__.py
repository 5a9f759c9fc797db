"""What the operator decides, typed.

Enter by :func:`load`: a TOML file, overlaid by environment variables, becomes one frozen
:class:`Settings`, or a :class:`SettingsError` that names every mistake at once.

What always holds: no secret has a default; a key that is not known is a mistake; no message shows
a value that could be a secret; every unsafe switch begins with ``insecure_`` and is listed by
:meth:`Settings.insecure`.
"""

from broker.settings.clients import ClientMetadata, ClientSettings
from broker.settings.model import MailSettings, PolicySettings, Settings, TokenSettings
from broker.settings.problem import Problem, SettingsError
from broker.settings.source import load, parse_client

__all__ = [
    "ClientMetadata",
    "ClientSettings",
    "MailSettings",
    "PolicySettings",
    "Problem",
    "Settings",
    "SettingsError",
    "TokenSettings",
    "load",
    "parse_client",
]
