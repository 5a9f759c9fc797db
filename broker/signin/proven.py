"""A sign-in as sessions, grants and tokens remember it."""

from datetime import datetime
from typing import Protocol

from claims.evidence import Authentication


class Way(Protocol):
    """How somebody came, as it is remembered: by a session, a grant or a token. ``tenant`` is empty without one."""

    @property
    def account_id(self) -> str: ...

    @property
    def identity_id(self) -> str: ...

    @property
    def provider_id(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    @property
    def guest(self) -> bool: ...

    @property
    def signed_in_at(self) -> datetime: ...


class Proven(Way, Protocol):
    """A whole sign-in, with its proof."""

    @property
    def authentication(self) -> Authentication: ...
