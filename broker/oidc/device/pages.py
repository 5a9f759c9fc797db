"""Who is in front of the device pages, and which device it is about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.audit.service import Audit
from broker.limits.errors import TooMany, in_words
from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.oidc.clients import Client, Clients
from broker.oidc.consent.service import Consents
from broker.oidc.device.confirmations import Confirmation, Confirmations
from broker.oidc.device.goal import DeviceGoal
from broker.oidc.device.service import DeviceRequest, Devices
from broker.settings.clients import DEVICE_CODE
from broker.signin.browser import Browser
from broker.signin.sessions import Session, Sessions
from broker.signin.standing import Standing
from broker.signin.transactions import Transactions
from broker.storage.database import Database
from broker.web.errors import BrokerError
from claims.decision import Purpose
from claims.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePages:
    """What the pages work with."""

    devices: Devices
    confirmations: Confirmations
    limits: Limits
    goal: DeviceGoal
    clients: Clients
    consents: Consents
    sessions: Sessions
    transactions: Transactions
    audit: Audit
    standing: Standing
    database: Database
    browser: Browser
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A device that waits for somebody, and its client, which is enabled."""

    request: DeviceRequest
    client: Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody signed in whose proof is good enough to let this device in now."""

    session: Session
    cookie: str
    person: Profile


def waiting(pages: DevicePages, user_code: str, now: datetime) -> Waiting | None:
    """Return the device that shows this code, if it waits still and its client may ask."""
    request = pages.devices.find(user_code, now)
    client = pages.clients.get(request.client_id) if request is not None else None
    if request is None or client is None or not client.check_grant_type(DEVICE_CODE):
        return None
    return Waiting(request=request, client=client)


def tried(pages: DevicePages, user_code: str, browser: str, now: datetime) -> Waiting | None:
    """Return the same for a code that was typed, and count it if it is wrong. Raises ``BrokerError`` at the limit."""
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    # Counted before the code is looked up, and given back where it was right: parallel guesses do not get past it.
    try:
        guess = pages.limits.count(*_guesser(pages, session, browser))
    except TooMany as error:
        helps = session is None
        raise BrokerError(
            status=429,
            code="too_many_codes",
            sentence="Too many codes were tried that are not known.",
            next_step=f"Wait {in_words(error.wait)}, start again on your device, and type the code that it shows then."
            + (" Or sign in first: then what others tried does not count against you." if helps else ""),
            detail=error.limit.value,
            link=("Sign in first", "/signin?next=/device") if helps else None,
            retry_after=error.wait,
        ) from error
    found = waiting(pages, user_code, now)
    if found is not None:
        pages.limits.give_back(guess)
    return found


def _guesser(pages: DevicePages, session: Session | None, browser: str) -> list[Of]:
    """Return what a guess counts against (RFC 8628 section 5.1).

    Browsers are made at will, accounts are not: strangers may use up what strangers have, and nothing else.
    """
    if session is not None:
        return [Of(Name.DEVICE_CODE_ACCOUNT, session.account_id)]
    return [Of(Name.DEVICE_CODE_ADDRESS, pages.limits.here() or browser), Of(Name.DEVICE_CODE_ALL, "all")]


def confirming(pages: DevicePages, handle: str, now: datetime) -> tuple[Confirmation, Waiting]:
    """Return what this browser is being asked. Raises ``BrokerError`` when that is over, or is another's."""
    confirmation = pages.confirmations.find(handle, pages.browser.binding())
    found = waiting(pages, confirmation.user_code, now) if confirmation is not None else None
    if confirmation is None or found is None:
        raise over("no such confirmation of this browser, or no such device")
    return confirmation, found


def visitor_of(pages: DevicePages, client: Client, now: datetime) -> Visitor | None:
    """Return who is signed in, if ``decide`` lets their proof approve a device of this client; otherwise none."""
    cookie = pages.browser.session_cookie()
    session = pages.sessions.find(cookie, now)
    if cookie is None or session is None:
        return None
    with pages.database.read() as connection:
        judged = pages.standing.judge(connection, session, Purpose.DEVICE_APPROVAL, now, client=client)
    if not judged.holds or judged.person is None:
        return None
    return Visitor(session=session, cookie=cookie, person=judged.person)


def over(detail: str) -> BrokerError:
    """Return the error for a device that nobody is to be asked about any more, here."""
    return BrokerError(
        status=400,
        code="device_over",
        title="There is nothing to decide here",
        sentence="This device was decided on already, its code has expired, or another browser was asked.",
        next_step="If your device still waits, type its code again. If not, start again there.",
        detail=detail,
        link=("Type a code", "/device"),
    )
