"""What takes long to make and comes out the same, or as good, is made once per test process."""

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from broker.keys.algorithms import SigningKey, generate


@cache
def signing_key(alg: str) -> SigningKey:
    """Return the key of this algorithm that every broker here begins with: one of RSA takes a tenth of a second."""
    return generate(alg)


def share_templates(app: Flask) -> None:
    """Let the application take over what another has compiled of the same templates."""
    app.jinja_env.bytecode_cache = _COMPILED


def compile_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """Stand in for the method of ``Rule``, a third of what an application costs: its result is bound to no rule."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    wanted = (rule.rule, *rule._trace, append_unknown)
    if wanted not in _BUILDERS:
        _BUILDERS[wanted] = _compile_builder(rule, append_unknown)
    return _BUILDERS[wanted]


_compile_builder = Rule._compile_builder
_BUILDERS: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}


class _Compiled(BytecodeCache):
    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._code.get(bucket.key)
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()
