"""A browser's return from a provider: what it brought, and no more than is of use."""

from collections.abc import Iterable

from broker.web.errors import BrokerError
from providers.provider import Return

MAX_LENGTH = 4096
# What providers send back. Anything else (session_state, scope, ...) is of no use and not carried along.
PARAMETERS = frozenset({"code", "state", "error", "error_subcode", "error_description", "client_info", "iss"})


def read(method: str, lists: Iterable[tuple[str, list[str]]]) -> Return:
    """Return what the browser brought. Raises ``BrokerError`` if a parameter came twice or is oversized."""
    parameters = {}
    for name, values in lists:
        if name not in PARAMETERS:
            continue
        if len(values) != 1:
            raise bad("a parameter came twice")
        if len(values[0]) > MAX_LENGTH:
            raise bad("a parameter is oversized")
        parameters[name] = values[0]
    return Return(method=method, parameters=parameters)


def bad(detail: str) -> BrokerError:
    """Return the error for a return that is not one."""
    return BrokerError(
        status=400,
        code="invalid_response",
        sentence="What came back from the sign-in service is not what it should be.",
        next_step="Go back to where you came from and sign in again.",
        detail=detail,
    )
