"""Exceptions: for some time, people of an organisation who cannot use MFA sign in without."""

from dataclasses import dataclass

from claims.decision import Exemption


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An exception as it applies to one person now. ``placed``: it covers them already, and need not make room."""

    exception_id: str
    exemption: Exemption
    placed: bool
