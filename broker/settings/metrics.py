"""Settings of what is measured: where the numbers are served, and where traces go."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from broker.settings.section import Section
from broker.settings.values import web_url

Address = tuple[str, int]
"""A host and a port to listen on."""

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>[0-9]{1,5})")


def _listened_on(value: object) -> object:
    """Return the host and the port of HOST:PORT. Raises ``ValueError``."""
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise ValueError("is not a host and a port")
    return match["six"] or match["host"], int(match["port"])


ListenAddress = Annotated[Address, BeforeValidator(_listened_on)]


class MetricsSettings(Section):
    """Where Prometheus finds the numbers: never where strangers come. Without an address, nothing is counted."""

    address: ListenAddress | None = Field(
        default=None, description="HOST:PORT, such as 127.0.0.1:9464, which only your Prometheus reaches"
    )
    worker_address: ListenAddress | None = Field(
        default=None,
        description="HOST:PORT for `vestibule worker`, such as 127.0.0.1:9465, and another than `serve` has",
    )

    @field_validator("worker_address")
    @classmethod
    def _of_its_own(cls, value: Address | None, info: ValidationInfo) -> Address | None:
        if value is not None and value == info.data.get("address"):
            raise ValueError("is the address that `serve` has")
        return value


class TracingSettings(Section):
    """Where spans go. Without an endpoint none are made."""

    endpoint: Annotated[str, AfterValidator(web_url)] | None = Field(
        default=None, repr=False, description="the URL of an OTLP receiver, such as http://127.0.0.1:4318/v1/traces"
    )
