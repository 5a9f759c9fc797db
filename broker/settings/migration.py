"""How people and teams leave the old world: a campaign with dates, and what old passwords are held against."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from broker.settings.section import Section
from providers.catalog import HttpsUrl, WebUrl, read_date

Day = Annotated[date, BeforeValidator(read_date)]

_PHASES = ("announced", "encouraged", "required", "closed")


class MigrationSettings(Section):
    """The campaign. ``registry`` is what mails and pages call the registry.

    A phase begins at 00:00 UTC of its day. ``forget``: when names and addresses of the old world go, whatever has
    become of them.
    """

    registry: str = Field(min_length=1, max_length=80, description="the registry's name, of 1 to 80 characters")
    announced: Day = Field(description="a date, such as 2026-12-01")
    encouraged: Day = Field(description="a date, not before migration.announced")
    required: Day = Field(description="a date, not before migration.encouraged")
    closed: Day = Field(description="a date, not before migration.required")
    forget: Day | None = Field(
        default=None, validate_default=True, description="a date at least 30 days after migration.closed"
    )
    widely_used: int = Field(default=1_000_000, ge=1, description="a number of downloads from 1")
    mails_per_hour: int = Field(default=1000, ge=1, le=100_000, description="a number from 1 to 100000")
    devise_pepper: SecretStr | None = Field(default=None, description="the pepper that Devise was configured with")
    breached_passwords: Path | None = Field(
        default=None, description="the path of a sorted file of SHA-1 hashes of stolen passwords"
    )
    breached_range_url: HttpsUrl | None = Field(
        default=None, description="the https URL of a range service, without the five digits"
    )
    rewrap_memory: int = Field(default=8192, ge=1024, le=1_048_576, description="KiB from 1024 to 1048576")

    @field_validator(*_PHASES[1:])
    @classmethod
    def _in_order(cls, value: date, info: ValidationInfo) -> date:
        earlier = [info.data[name] for name in _PHASES if name in info.data]
        if earlier and value < max(earlier):
            raise ValueError("is before an earlier phase")
        return value

    @field_validator("forget")
    @classmethod
    def _outlives_undoing(cls, value: date | None, info: ValidationInfo) -> date | None:
        closed = info.data.get("closed")
        if value is not None and closed is not None and value < closed + timedelta(days=30):
            raise ValueError("is less than 30 days after closing")
        return value

    @property
    def forgets_on(self) -> date:
        """Return the day when names and addresses go: 90 days after closing, unless it is set."""
        return self.forget or self.closed + timedelta(days=90)


class StreamSettings(Section):
    """How a registry is told of events (RFC 8935): pushed to ``url``, or, without one, polled by it (RFC 8936)."""

    url: WebUrl | None = Field(default=None, description="an https URL, or http on loopback")
    authorization: SecretStr | None = Field(
        default=None,
        description="the value of the Authorization header that the registry wants to see, with streams.ID.url alone",
    )

    @field_validator("authorization")
    @classmethod
    def _goes_with_what_is_pushed(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        text = "x" if value is None else value.get_secret_value()
        if not (text.strip() and text.isascii() and text.isprintable()):
            raise ValueError("is empty, or has characters outside printable ASCII")
        if value is not None and info.data.get("url", "") is None:
            raise ValueError("is set for a stream that is polled")
        return value
