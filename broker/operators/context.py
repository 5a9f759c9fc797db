"""What operators' pages about the broker work with."""

from dataclasses import dataclass

from broker.accounts.organizations.visit import OrganizationPages
from broker.metrics.counts import SignInCounts
from broker.operators.targets import Targets
from broker.switches.service import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPages:
    """``base``: who is in front of them."""

    base: OrganizationPages
    counts: SignInCounts
    switches: Switches
    targets: Targets
