"""What the operator decides, typed.

Enter by :func:`load`: a TOML file, overlaid by environment variables, becomes one frozen
:class:`Settings`, or a :class:`SettingsError` that names every mistake at once.

What always holds: no secret has a default; a key that is not known is a mistake; no message shows
a value that could be a secret; every unsafe switch begins with ``insecure_`` and is listed by
:meth:`Settings.insecure`.
"""

from broker.settings.model import ClientSettings, MailSettings, PolicySettings, Settings, TokenSettings
from broker.settings.source import Problem, SettingsError, load, parse_client

__all__ = [
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
