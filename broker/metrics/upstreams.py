"""What circuits tell of providers, as numbers and spans."""

from broker.metrics import counting, tracing
from providers.circuit import Outcome, State


class Upstreams:
    """A :class:`providers.circuit.Listener`."""

    def asked(self, provider_id: str, outcome: Outcome, seconds: float) -> None:
        """A provider was asked, or was not as its circuit is open."""
        counting.upstream(provider_id, outcome.value, seconds)
        tracing.past("upstream", seconds, provider=provider_id, outcome=outcome.value)

    def turned(self, provider_id: str, state: State) -> None:
        """A circuit of this process changed."""
        counting.circuit(provider_id, state.value)
