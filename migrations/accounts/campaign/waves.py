"""Mails in waves: one at a time, at a rate, each account once per template, whenever a worker is killed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, true, update

from broker.accounts.organizations.capabilities import FreshOperator, Shell
from broker.audit.service import Audit
from broker.settings.migration import MigrationSettings
from broker.storage.database import Database, exclusive
from migrations.accounts.campaign.letters import Letters
from migrations.accounts.campaign.progress import mailable
from migrations.accounts.campaign.templates import TemplateName, Templates
from migrations.accounts.model import legacy_accounts, sent_mails
from migrations.accounts.model import mail_waves as table
from migrations.accounts.records import Alias, Ledger, State

_HOUR = timedelta(hours=1)
_BATCHES = 60  # an hour, at most
_STARTING = "mail_waves"


class Audience(StrEnum):
    """Whom a wave is for, of those who are pending and have a mailbox."""

    PEOPLE = "people"  # accounts that nothing speaks of as shared
    ALIASES = "aliases"  # accounts that are confirmed to be shared
    EVERYONE = "everyone"  # these, and those that nobody has decided on


class WaveState(StrEnum):
    """What a wave is doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class AlreadyRunning(Exception):
    """One wave runs at a time, so that the rate is that of the settings."""


class NotSo(Exception):
    """The wave is not in a state in which this could be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """``most``: how many it goes to at most, none for all. ``sent``: how many are on their way."""

    id: str
    template: TemplateName
    audience: Audience
    per_hour: int
    most: int | None
    state: WaveState
    started_by: str | None
    started_at: datetime
    last_id: str
    sent: int
    next_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waves:
    """Starts, stops and sends them. Any number of workers may send."""

    database: Database
    ledger: Ledger
    letters: Letters
    templates: Templates
    settings: MigrationSettings
    audit: Audit

    def all(self, connection: Connection) -> list[Wave]:
        """Return them, the newest first."""
        return [_read(row) for row in connection.execute(select(table).order_by(table.c.started_at.desc(), table.c.id))]

    def reach(self, connection: Connection, template: TemplateName, audience: Audience) -> int:
        """Return how many accounts a wave would go to. One statement, and nothing is sent."""
        counted = select(func.count()).select_from(legacy_accounts).where(_wanted(template, audience))
        return connection.execute(counted).scalar_one()

    def start(
        self,
        connection: Connection,
        by: FreshOperator | Shell,
        template: TemplateName,
        audience: Audience,
        *,
        per_hour: int | None = None,
        most: int | None = None,
    ) -> Wave:
        """Start a wave. ``per_hour`` none: as many as the settings allow.

        Raises ``ValueError`` for more than these or a number below 1, and :class:`AlreadyRunning`.
        """
        rate = per_hour if per_hour is not None else self.settings.mails_per_hour
        if not 1 <= rate <= self.settings.mails_per_hour or (most is not None and most < 1):
            raise ValueError("not a number of mails")
        wave_id = str(uuid4())
        connection.execute(
            insert(table).values(
                id=wave_id,
                template=template.value,
                audience=audience.value,
                per_hour=rate,
                most=most,
                state=WaveState.RUNNING.value,
                started_by=by.account_id,
                started_at=by.now,
                last_id="",
                sent=0,
                next_at=self._turn(connection, by.now),
            )
        )
        self._record(connection, "migration.wave_started", by, template)
        return self._get(connection, wave_id)

    def stop(self, connection: Connection, by: FreshOperator | Shell, wave_id: str) -> None:
        """Send no more of a wave, for now. Raises ``LookupError``, :class:`NotSo`."""
        wave = self._held(connection, wave_id)
        if wave.state is not WaveState.RUNNING:
            raise NotSo
        self._write(connection, wave, state=WaveState.STOPPED.value)
        self._record(connection, "migration.wave_stopped", by, wave.template)

    def resume(self, connection: Connection, by: FreshOperator | Shell, wave_id: str) -> None:
        """Go on with a wave where it was stopped. Raises ``LookupError``, :class:`NotSo`, :class:`AlreadyRunning`."""
        wave = self._held(connection, wave_id)
        if wave.state is not WaveState.STOPPED:
            raise NotSo
        self._write(connection, wave, state=WaveState.RUNNING.value, next_at=self._turn(connection, by.now))
        self._record(connection, "migration.wave_resumed", by, wave.template)

    def run(self, now: datetime) -> int:
        """Send the batch that is due, if one is, and return how many mails that were."""
        running = select(table.c.id).where(table.c.state == WaveState.RUNNING.value, table.c.next_at <= now)
        with self.database.read() as connection:
            due = connection.execute(running).scalars().all()
        return sum(self._send(wave_id, now) for wave_id in due)

    def _send(self, wave_id: str, now: datetime) -> int:
        """Send one batch, in one transaction: mails, marks and the place in the wave stand or fall together."""
        with self.database.begin() as connection:
            wave = self._held(connection, wave_id)
            if wave.state is not WaveState.RUNNING or now < wave.next_at:
                return 0  # another worker was faster
            batch, pause = pace(min(wave.per_hour, self.settings.mails_per_hour))
            share = batch if wave.most is None else min(batch, wave.most - wave.sent)
            rows = connection.execute(
                select(legacy_accounts)
                .where(_wanted(wave.template, wave.audience), legacy_accounts.c.registry_id > wave.last_id)
                .order_by(legacy_accounts.c.registry_id)
                .limit(share)
            ).all()
            template = self.templates.get(connection, wave.template)
            accounts = [self.ledger.read(row) for row in rows]
            told = [each for each in accounts if self.letters.write(connection, template, each, now)]
            if told:
                mark = {"template": wave.template.value, "sent_at": now}
                connection.execute(insert(sent_mails), [{"registry_id": each.registry_id, **mark} for each in told])
            sent = wave.sent + len(told)
            over = len(rows) < share or sent == wave.most
            self._write(
                connection,
                wave,
                last_id=rows[-1].registry_id if rows else wave.last_id,
                sent=sent,
                next_at=now + pause,
                **({"state": WaveState.DONE.value, "ended_at": now} if over else {}),
            )
            return len(told)

    def _turn(self, connection: Connection, now: datetime) -> datetime:
        """Return when the next mails may go: not before the pause after those of any wave. Raises AlreadyRunning."""
        exclusive(connection, _STARTING)
        running = select(table.c.id).where(table.c.state == WaveState.RUNNING.value)
        if connection.execute(running.limit(1)).one_or_none() is not None:
            raise AlreadyRunning
        latest = connection.execute(select(func.max(table.c.next_at))).scalar_one()
        return max(now, latest) if latest is not None else now

    def _held(self, connection: Connection, wave_id: str) -> Wave:
        exclusive(connection, f"mail_wave:{wave_id}")
        return self._get(connection, wave_id)

    def _get(self, connection: Connection, wave_id: str) -> Wave:
        row = connection.execute(select(table).where(table.c.id == wave_id)).one_or_none()
        if row is None:
            raise LookupError("no such wave")
        return _read(row)

    def _write(self, connection: Connection, wave: Wave, **values: object) -> None:
        connection.execute(update(table).where(table.c.id == wave.id).values(**values))

    def _record(self, connection: Connection, action: str, by: FreshOperator | Shell, template: TemplateName) -> None:
        detail = {"kind": template.value}
        self.audit.record(connection, action=action, account_id=by.account_id, detail=detail, now=by.now)


def pace(per_hour: int) -> tuple[int, timedelta]:
    """Return how many mails go at a time, and the time between: no hour has more, wherever it begins."""
    batch = max(1, per_hour // _BATCHES)
    return batch, -(-_HOUR // (per_hour // batch))  # rounded up


def _wanted(template: TemplateName, audience: Audience) -> ColumnElement[bool]:
    """Return what an account is that gets a mail: whoever moved, unsubscribed or had it gets none."""
    had = select(sent_mails.c.registry_id).where(
        sent_mails.c.registry_id == legacy_accounts.c.registry_id, sent_mails.c.template == template.value
    )
    alias = legacy_accounts.c.alias
    of_audience = {
        Audience.PEOPLE: or_(alias.is_(None), alias == Alias.REJECTED.value),
        Audience.ALIASES: alias == Alias.CONFIRMED.value,
        Audience.EVERYONE: true(),
    }[audience]
    return (
        (legacy_accounts.c.state == State.PENDING.value)
        & mailable
        & legacy_accounts.c.unsubscribed_at.is_(None)
        & of_audience
        & ~had.exists()
    )


def _read(row: Row[*tuple[Any, ...]]) -> Wave:
    return Wave(
        id=row.id,
        template=TemplateName(row.template),
        audience=Audience(row.audience),
        per_hour=row.per_hour,
        most=row.most,
        state=WaveState(row.state),
        started_by=row.started_by,
        started_at=row.started_at,
        last_id=row.last_id,
        sent=row.sent,
        next_at=row.next_at,
        ended_at=row.ended_at,
    )
