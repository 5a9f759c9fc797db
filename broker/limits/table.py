"""The table of limits: what each counts, and by what. How many of it, and for how long, is the operator's to set."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class By(StrEnum):
    """What a limit counts by, and so what it can be raised for."""

    ADDRESS = "address"  # an IPv4 address, or an IPv6 /64
    ACCOUNT = "account"
    CLIENT = "client"
    PROVIDER = "provider"
    EMAIL = "email"
    OLD_ACCOUNT = "old account"  # the registry's id of it
    REQUEST = "request"
    ALL = "all"


class Name(StrEnum):
    """The limits, named as in the settings."""

    SIGN_IN_ADDRESS = "sign_in_address"
    SIGN_IN_ACCOUNT = "sign_in_account"
    SIGN_IN_PROVIDER = "sign_in_provider"
    BEGUN_ADDRESS = "begun_address"
    CONSENT_ACCOUNT = "consent_account"
    WORK_ADDRESS = "work_address"
    CLIENT_AUTHENTICATION = "client_authentication"
    API_ADDRESS = "api_address"
    API_CLIENT = "api_client"
    REGISTRATION_ADDRESS = "registration_address"
    MANAGEMENT_ACCOUNT = "management_account"
    MANAGEMENT_CLIENT = "management_client"
    DEVICE_CODE_ADDRESS = "device_code_address"
    DEVICE_CODE_ACCOUNT = "device_code_account"
    DEVICE_CODE_ALL = "device_code_all"
    EMAIL_ADD = "email_add"
    EMAIL_CHANGE = "email_change"
    EMAIL_LINK = "email_link"
    MAIL_ACCOUNT = "mail_account"
    MAIL_ADDRESS = "mail_address"
    PASSWORD_ADDRESS = "password_address"  # noqa: S105 - the name of a limit, as below
    PASSWORD_ACCOUNT = "password_account"  # noqa: S105
    PASSWORD_PERSON = "password_person"  # noqa: S105
    PASSWORD_MAILBOX = "password_mailbox"  # noqa: S105
    CLAIM_MAIL_ADDRESS = "claim_mail_address"
    CLAIM_MAIL_ACCOUNT = "claim_mail_account"
    CLAIM_MAIL_PERSON = "claim_mail_person"
    CLAIM_MAIL_KNOWN = "claim_mail_known"
    RECOVERY_ACCOUNT = "recovery_account"
    RECOVERY_LOOK = "recovery_look"


@dataclass(frozen=True, slots=True)
class Limit:
    """``by``: the first is what it is raised for. ``told`` false: that it is full would tell what others did (T12)."""

    counts: str
    by: tuple[By, ...]
    told: bool = True


TABLE: Mapping[Name, Limit] = {
    Name.SIGN_IN_ADDRESS: Limit("sign-ins that came back refused or faulty", (By.ADDRESS,)),
    Name.SIGN_IN_ACCOUNT: Limit("sign-ins of one person that came back refused", (By.ACCOUNT,)),
    Name.SIGN_IN_PROVIDER: Limit(
        "sign-ins that came back from it refused or faulty; beyond, who has none of those may still", (By.PROVIDER,)
    ),
    Name.BEGUN_ADDRESS: Limit("sign-ins, redirects, pushed requests, devices and claims begun", (By.ADDRESS,)),
    Name.CONSENT_ACCOUNT: Limit("questions for consent that somebody signed in is sent to", (By.ACCOUNT,)),
    Name.WORK_ADDRESS: Limit("look-ups of where somebody works", (By.ADDRESS,)),
    Name.CLIENT_AUTHENTICATION: Limit("failed authentications of a client", (By.CLIENT, By.ADDRESS)),
    Name.API_ADDRESS: Limit("codes and tokens that are none, and failed authentications", (By.ADDRESS,)),
    Name.API_CLIENT: Limit("codes and tokens that are none, from a client that did authenticate", (By.CLIENT,)),
    Name.REGISTRATION_ADDRESS: Limit("clients that register themselves", (By.ADDRESS,)),
    Name.MANAGEMENT_ACCOUNT: Limit("calls of the management API for one person", (By.ACCOUNT,)),
    Name.MANAGEMENT_CLIENT: Limit("calls of the management API by one client", (By.CLIENT,)),
    Name.DEVICE_CODE_ADDRESS: Limit("wrong codes of devices, by strangers", (By.ADDRESS,)),
    Name.DEVICE_CODE_ACCOUNT: Limit("wrong codes of devices, by somebody signed in", (By.ACCOUNT,)),
    Name.DEVICE_CODE_ALL: Limit("wrong codes of devices, by all strangers together", (By.ALL,)),
    Name.EMAIL_ADD: Limit("new addresses that somebody wants to have", (By.ACCOUNT,)),
    Name.EMAIL_CHANGE: Limit("changes of an address that are asked for", (By.ACCOUNT,)),
    Name.EMAIL_LINK: Limit("links to one address that somebody wants to have", (By.ACCOUNT, By.EMAIL)),
    Name.MAIL_ACCOUNT: Limit("invitations that one person has sent", (By.ACCOUNT,)),
    Name.MAIL_ADDRESS: Limit("mails to one address that somebody else asked for", (By.EMAIL,), told=False),
    Name.PASSWORD_ADDRESS: Limit("old passwords that are tried", (By.ADDRESS,)),
    Name.PASSWORD_ACCOUNT: Limit("old passwords that strangers try at one account", (By.OLD_ACCOUNT,), told=False),
    Name.PASSWORD_PERSON: Limit("old passwords that somebody signed in tries", (By.ACCOUNT, By.OLD_ACCOUNT)),
    Name.PASSWORD_MAILBOX: Limit("old passwords tried by whoever proved the mailbox", (By.OLD_ACCOUNT,)),
    Name.CLAIM_MAIL_ADDRESS: Limit("links to old mailboxes that are asked for", (By.ADDRESS,)),
    Name.CLAIM_MAIL_ACCOUNT: Limit("links that strangers have sent to one mailbox", (By.EMAIL,), told=False),
    Name.CLAIM_MAIL_PERSON: Limit(
        "links that somebody signed in has sent to one mailbox", (By.ACCOUNT, By.EMAIL), told=False
    ),
    Name.CLAIM_MAIL_KNOWN: Limit("links to one mailbox by whoever has the password", (By.EMAIL,), told=False),
    Name.RECOVERY_ACCOUNT: Limit("recoveries that somebody asks for", (By.ACCOUNT,)),
    Name.RECOVERY_LOOK: Limit("looks for the marker of one recovery", (By.REQUEST,)),
}
