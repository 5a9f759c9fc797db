"""What a table of who may call what is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.security.admins.people import Who
from tests.security.admins.samples import Sample

FRESH = frozenset({Who.ADMIN})
ADMINS = frozenset({Who.ADMIN, Who.STALE})
DECIDING = frozenset({Who.OPERATOR})
OPERATORS = frozenset({Who.OPERATOR, Who.STALE_OPERATOR})
INVITED = frozenset({Who.OTHER})
EVERYBODY = frozenset(Who)
SIGNED_IN = EVERYBODY - {Who.NOBODY}
WITH_MFA = SIGNED_IN - {Who.EXEMPT}

Row = tuple[frozenset[Who], tuple[Sample, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One method of one rule of the URL map."""

    method: str
    rule: str

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def is_api(self) -> bool:
        return self.rule.startswith("/api/")

    @property
    def is_operators(self) -> bool:
        return self.rule.startswith(("/operator", "/api/operator"))

    @property
    def changes(self) -> bool:
        """Return whether it changes something: a preview or a search does not, however it is asked for."""
        return self.method != "GET" and not self.rule.endswith(("/preview", "/search"))


def rows(prefix: str, named: Mapping[str, Row]) -> dict[Rule, Row]:
    """Return rows by rule: each name is a method and what follows ``prefix``."""
    split = {name.partition(" ")[::2]: row for name, row in named.items()}
    return {Rule(method=method, rule=f"{prefix}{path}"): row for (method, path), row in split.items()}
