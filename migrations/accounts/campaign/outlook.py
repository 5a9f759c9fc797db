"""What will stop working for the owner of an old account, and when."""

from dataclasses import dataclass
from datetime import datetime

from broker.settings.migration import MigrationSettings
from migrations.accounts.campaign.phases import as_day, closes_at
from migrations.accounts.periods import UNDO
from migrations.accounts.records import LegacyAccount, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Something that stops, or goes on. ``when``: none where it has no date."""

    what: str
    when: datetime | None
    todo: str

    def line(self) -> str:
        """Return it as a line of a mail."""
        day = f" {as_day(self.when)}:" if self.when is not None else ""
        return f"-{day} {self.what} {self.todo}"


def ends_at(legacy: LegacyAccount, settings: MigrationSettings) -> datetime:
    """Return when the account's password ends: at closing, or with its exception."""
    closes = closes_at(settings)
    return max(closes, legacy.excepted_until) if legacy.excepted_until is not None else closes


def outlook(legacy: LegacyAccount, settings: MigrationSettings, now: datetime) -> list[Outlook]:
    """Return what stops for the owner of an account: its password, what its packages and keys are in for."""
    if legacy.state is State.PENDING:
        return _of_pending(legacy, ends_at(legacy, settings), now)
    if legacy.state in (State.CLAIMED, State.CONVERTED):
        return _of_moved(legacy, now)
    if legacy.state is State.WAITING:
        todo = "If that is not what you want, stop it by the link in the mail about it."
        return [Outlook(what="Somebody has proven the account theirs, which takes effect soon.", when=None, todo=todo)]
    if legacy.state is State.FROZEN:
        todo = "You are written to when an operator has decided."
        return [Outlook(what="The account is disputed, and nobody can use it.", when=None, todo=todo)]
    todo = "Ask for a recovery, which operators decide on."
    found = [Outlook(what="The password opens nothing any more.", when=legacy.closed_at, todo=todo)]
    if legacy.packages:
        found.append(Outlook(what=_nobody(legacy), when=legacy.closed_at, todo=_INSTALLED))
    return found


def packages_of(legacy: LegacyAccount) -> str:
    """Return how many packages the account has, with the names of a few."""
    names = [each.name for each in sorted(legacy.packages, key=lambda each: (-each.downloads, each.name))]
    if len(names) <= _FEW:
        return f"{_count(len(names), 'package')}{': ' if names else ''}{', '.join(names)}"
    return f"{_count(len(names), 'package')}, among them {', '.join(names[:_FEW])}"


def keys_of(legacy: LegacyAccount) -> str:
    """Return how many keys the account has."""
    return _count(legacy.keys, "key")


def _of_pending(legacy: LegacyAccount, ends: datetime, now: datetime) -> list[Outlook]:
    if ends <= now:
        todo = "Ask for a recovery, which operators decide on."
    elif legacy.is_shared:
        todo = "Turn the account into an organisation before."
    else:
        todo = "Claim the account before."
    password = "The password that you share" if legacy.is_shared else "The password"
    found = [Outlook(what=f"{password} opens nothing any more.", when=ends, todo=todo)]
    if legacy.packages:
        found.append(Outlook(what=_nobody(legacy), when=ends, todo=_INSTALLED))
    if legacy.keys:
        todo = "They come along with the account."
        found.append(Outlook(what=f"{_count(legacy.keys, 'key')} cannot be renewed any more.", when=ends, todo=todo))
    return found


def _of_moved(legacy: LegacyAccount, now: datetime) -> list[Outlook]:
    converted = legacy.state is State.CONVERTED
    todo = "Sign in by your own account, as a member of the organisation." if converted else "Sign in as you did then."
    found = [Outlook(what="The password opens nothing any more.", when=legacy.effective_at, todo=todo)]
    if legacy.packages:
        todo = "Nothing is to be done for them."
        found.append(Outlook(what=f"{_count(len(legacy.packages), 'package')} as before.", when=None, todo=todo))
    settled = legacy.effective_at + UNDO if legacy.effective_at is not None else now
    if legacy.keys and converted and now < settled:
        todo = "Make new ones in the organisation."
        found.append(Outlook(what=f"{_count(legacy.keys, 'key')} suspended until then.", when=settled, todo=todo))
    return found


_FEW = 5
_INSTALLED = "They stay where they are and can be installed."


def _nobody(legacy: LegacyAccount) -> str:
    return f"{_count(len(legacy.packages), 'package')} can be changed by nobody, unless others own them too."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
