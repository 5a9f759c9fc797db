"""The demo's four addresses: one number moves them all."""

from dataclasses import dataclass

DEFAULT_BASE = 8000
_BACK_CHANNEL = 443
LAST_BASE = 65535 - _BACK_CHANNEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """``base`` is the broker's port. The stand-ins' browser side is another site than the broker: 127.0.0.1."""

    base: int
    https: bool

    @property
    def registry_port(self) -> int:
        return self.base + 1

    @property
    def standins_port(self) -> int:
        return self.base + 2

    @property
    def back_channel_port(self) -> int:
        return self.base + _BACK_CHANNEL

    @property
    def issuer(self) -> str:
        return f"{'https' if self.https else 'http'}://localhost:{self.base}"

    @property
    def registry(self) -> str:
        return f"http://localhost:{self.registry_port}"

    @property
    def standins(self) -> str:
        return f"http://127.0.0.1:{self.standins_port}"

    @property
    def back_channel(self) -> str:
        return f"https://localhost:{self.back_channel_port}"

    def ports(self) -> dict[str, int]:
        """Return each port by what listens there."""
        return {
            "the broker": self.base,
            "the demo registry": self.registry_port,
            "the stand-ins' sign-in pages": self.standins_port,
            "the stand-ins' back channel": self.back_channel_port,
        }
