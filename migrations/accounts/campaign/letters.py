"""A template and an account become a mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.settings.migration import MigrationSettings
from migrations.accounts.campaign.outlook import ends_at, keys_of, outlook, packages_of
from migrations.accounts.campaign.phases import as_day
from migrations.accounts.campaign.templates import Template, fill
from migrations.accounts.campaign.unsubscribing import Unsubscribing
from migrations.accounts.records import OWNER, Kind, LegacyAccount, Package, State, dump_packages

# Longer than any outage; then its mail would be about yesterday's dates.
_TRIED_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Writes them. ``issuer`` is where the pages are."""

    settings: MigrationSettings
    unsubscribing: Unsubscribing
    outbox: Outbox
    issuer: str

    def values(self, legacy: LegacyAccount, now: datetime) -> Mapping[str, str]:
        """Return what the words of a template stand for."""
        return {
            "name": legacy.name or legacy.registry_id,
            "registry": self.settings.registry,
            "link": f"{self.issuer}/claim",
            "closes": as_day(ends_at(legacy, self.settings)),
            "packages": packages_of(legacy),
            "keys": keys_of(legacy),
            "outlook": "\n".join(each.line() for each in outlook(legacy, self.settings, now)),
            "unsubscribe": self.unsubscribing.link(legacy.registry_id),
        }

    def write(self, connection: Connection, template: Template, legacy: LegacyAccount, now: datetime) -> bool:
        """Put the mail into the outbox, and return whether there is an address that one can be sent to."""
        address = legacy.mailbox
        if address is None or not address.isprintable():
            return False
        subject, text = fill(template, self.values(legacy, now))
        enqueue_mail(
            self.outbox,
            connection,
            to=address,
            subject=subject,
            text=text,
            now=now,
            expires_at=now + _TRIED_FOR,
            unsubscribe=self.unsubscribing.link(legacy.registry_id),
        )
        return True


def sample() -> LegacyAccount:
    """Return an account that is nobody's, to show operators what a mail looks like."""
    return LegacyAccount(
        registry_id="sample",
        kind=Kind.PERSON,
        alias=None,
        state=State.PENDING,
        account_id=None,
        name="Sam Sample",
        email=None,
        email_confirmed=False,
        hash_sealed=None,
        last_sign_in_at=None,
        kept_packages=dump_packages(
            [
                Package(name="example", role=OWNER, downloads=1200),
                Package(name="example-tools", role=OWNER, downloads=30),
            ]
        ),
        downloads=1230,
        keys=2,
        effective_at=None,
        closed_at=None,
        parted_at=None,
        lapsed_at=None,
        unsubscribed_at=None,
        excepted_until=None,
    )
