"""Routes that learn to build their address when somebody first asks for it.

Compiling what builds an address is half of what an application costs to make, and few addresses are ever built.
"""

from collections.abc import Callable

from werkzeug.routing import Rule


class LateRule(Rule):
    """A route of werkzeug's, matched as any other."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        """Return what compiles the builder at its first call, and from then on is out of the way."""
        compile_now = super()._compile_builder

        def build(rule: Rule, **values: object) -> tuple[str, str]:
            builder: Callable[..., tuple[str, str]] = compile_now(append_unknown).__get__(rule, None)
            setattr(rule, "_build_unknown" if append_unknown else "_build", builder)
            return builder(**values)

        return build
