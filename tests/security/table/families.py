"""What the table is made of: families, rows, cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.security.table.places import Check


class Family(StrEnum):
    """The families of attack that concern an address by itself."""

    T1 = "T1"
    T5 = "T5"
    T6 = "T6"
    T7 = "T7"
    T8 = "T8"
    T9 = "T9"
    T10 = "T10"


T1, T5, T6, T7, T8, T9, T10 = Family

Cell = str | tuple[Check, ...]
"""The checks, or the reason why there are none."""

Cells = Mapping[Family, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method of one rule of the URL map. ``grant``: of the token endpoint."""

    method: str
    rule: str
    grant: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.rule, self.grant)))


NOTHING_PROVEN = "no proof is used here"
JUDGED_BEFORE = "the token says what was judged when it was issued, ten minutes ago at most"
SAME_FOR_ALL = "what it says is the same for everybody"
NO_ADDRESS = "no address to go to is taken"
MANY_USES = "nothing that is for one use is taken"
NOTHING_AGREED = "nothing is negotiated here"
NO_JWT = "no JWT is taken"
