"""What the page of a conversion says of its state, and after what was done."""

from collections.abc import Mapping
from dataclasses import dataclass

from migrations.accounts.cases import CaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``look``: how the tag looks. ``over``: nothing came of it, and it can be started again."""

    tag: str
    sentence: str
    look: str = ""
    over: bool = False


STATES: Mapping[CaseState, Words] = {
    CaseState.WAITING: Words(
        tag="waits",
        sentence="Nothing has changed yet. It waits for its admins to accept, and for anybody who objects.",
    ),
    CaseState.EFFECTIVE: Words(
        tag="in effect", look="good", sentence="The organisation is there. It can still be undone from the old address."
    ),
    CaseState.SETTLED: Words(tag="done", look="good", sentence="The organisation is there, for good."),
    CaseState.UPHELD: Words(tag="done", look="good", sentence="An operator has decided for it. This is final."),
    CaseState.STOPPED: Words(
        tag="stopped",
        look="warn",
        sentence="Somebody behind the shared address objected. An operator decides. You are told by mail.",
    ),
    CaseState.UNDONE: Words(
        tag="undone",
        look="warn",
        sentence="Somebody behind the shared address undid it. An operator decides. You are told by mail.",
    ),
    CaseState.RETURNED: Words(
        tag="not done", sentence="An operator has decided against it. All is as it was before.", over=True
    ),
    CaseState.LAPSED: Words(
        tag="not done",
        sentence="There were not two admins in time who could sign in. All is as it was before.",
        over=True,
    ),
    CaseState.WITHDRAWN: Words(tag="withdrawn", sentence="You have withdrawn it. All is as it was before.", over=True),
}

NOTICES: Mapping[str, str] = {
    "started": "It waits now. Everybody behind the shared address was told, and so was everybody you named.",
    "accepted": "You have accepted. You are an admin as soon as it takes effect.",
    "withdrawn": "It is withdrawn. Everybody behind the shared address was told, and so were those who had accepted.",
}
