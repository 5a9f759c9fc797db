"""Sign-ins that come back from a provider refused or faulty: by address, by account and by provider.

Who is over is refused where the next one begins, and never where one that is right comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.storage.store import ShortLived, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIns:
    """Counts and looks. Every method raises as those of :class:`Limits`."""

    limits: Limits
    store: ShortLived

    def to_look_at(self, provider_id: str) -> list[Window]:
        """Return the windows to look at on the trip with which a redirect is kept."""
        here = self.limits.here()
        if here is None:
            return []
        mine = self.limits.windows(Of(Name.SIGN_IN_ADDRESS, here))
        # The same windows, asked whether there is anything in them.
        any_of_mine = [Window(each.key, 1, each.seconds) for each in mine]
        return [*mine, *any_of_mine, *self.limits.windows(Of(Name.SIGN_IN_PROVIDER, provider_id))]

    def check(self, provider_id: str, looked: Sequence[int]) -> None:
        """Raise :class:`TooMany` by what was :meth:`to_look_at`.

        Strangers may fill what a provider has: that is held against those alone who had a part in it.
        """
        here = self.limits.here()
        if here is None:
            return
        whose, which = Of(Name.SIGN_IN_ADDRESS, here), Of(Name.SIGN_IN_PROVIDER, provider_id)
        number = self.limits.number(whose.limit)
        mine, any_of_mine, theirs = looked[:number], looked[number : 2 * number], looked[2 * number :]
        if any(mine):
            raise self.limits.refusal([whose], mine)
        if any(theirs) and any(any_of_mine):
            raise self.limits.refusal([which], theirs)

    def failed(self, provider_id: str, account: str | None = None) -> None:
        """Count one that came back without what it takes, wherever there is room.

        ``account``: whose it would have been, if that is known. Raises :class:`TooMany` where it had too many: the
        answer is that, in place of why.
        """
        here = self.limits.here()
        wanted = [Of(Name.SIGN_IN_PROVIDER, provider_id)]
        wanted += [Of(Name.SIGN_IN_ADDRESS, here)] if here is not None else []
        theirs = [Of(Name.SIGN_IN_ACCOUNT, account)] if account is not None else []
        windows = self.limits.windows(*wanted, *theirs)
        done = self.store.step(count=windows)
        if done.done:
            return
        full = {each.key for each, wait in zip(windows, done.waits, strict=True) if wait}
        # What is full stays so without this one; what is not must not miss it.
        self.store.step(count=[each for each in windows if each.key not in full])
        waits = done.waits[len(self.limits.windows(*wanted)) :]
        if any(waits):
            raise self.limits.refusal(theirs, waits)
