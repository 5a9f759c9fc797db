"""What to tell the administrator of a tenant about a refusal that only they can mend, by Microsoft's code for it.

Source: "Microsoft Entra authentication and authorization error codes", and Microsoft's guides to what each step
names. A person sends the page to somebody else, so it says nothing of who they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.web.texts.explanation import Link

ADMIN_CENTER = Link(label="Microsoft Entra admin center", url="https://entra.microsoft.com/")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminText:
    """What happened, and what to do about it in the Entra admin center, in order.

    ``consent``: what we ask for has to be approved, so the page lists it.
    """

    title: str
    happened: str
    steps: tuple[str, ...]
    consent: bool = False


_ENTERPRISE_APPS = "In the Entra admin center, open Entra ID, Enterprise apps, and find us by the application id below."
_SIGN_IN_LOGS = (
    "In the Entra admin center, open Entra ID, Monitoring & health, Sign-in logs, and look for the correlation id. "
    "Without one, look for failed sign-ins to the application id below."
)
_DECIDE = "Decide whether the rule is meant for this application. If it is, there is nothing to change."
_AGAIN = "Have the person sign in again."
_CROSS_TENANT = "In the Entra admin center, open Entra ID, External Identities, Cross-tenant access settings."

_APPROVE = (
    "Sign in here yourself, with an account that may consent for all, such as a Cloud Application Administrator's.",
    'Compare what Microsoft shows with the list below, tick "Consent on behalf of your organization", and accept.',
    "Whether we then let you in does not matter: the approval counts for everybody in the tenant. Have them sign in.",
)

_APPROVAL = AdminText(
    title="Approve this application for your organisation",
    happened="Your tenant lets its people use an application only after an administrator has approved it, and nobody "
    "has approved this one.",
    steps=_APPROVE,
    consent=True,
)
_UNKNOWN = AdminText(
    title="Approve this application for your organisation",
    happened="Your tenant does not know this application yet: nobody in it has approved it.",
    steps=_APPROVE,
    consent=True,
)
_BLOCKED = AdminText(
    title="A Conditional Access policy stopped a sign-in",
    happened="A Conditional Access policy of your tenant did not allow one of your people to sign in to this "
    "application. Which one, only your sign-in logs say.",
    steps=(_SIGN_IN_LOGS, "Its Conditional Access tab names the policy and what was not met.", _DECIDE, _AGAIN),
)
_REGISTRATION = AdminText(
    title="Somebody may not set up a second factor from where they are",
    happened="One of your people has no second factor yet, which this application needs, and your tenant does not let "
    "them register one from their place or device.",
    steps=(
        _SIGN_IN_LOGS,
        "Its Conditional Access tab names the policy about registering security information.",
        "Have them register from a place or device that the policy trusts, or give them a Temporary Access Pass.",
        _AGAIN,
    ),
)
_RISK = AdminText(
    title="Microsoft sees a risk in somebody's sign-in",
    happened="Microsoft Entra ID Protection rates the sign-in, or the account, as risky, and for that reason stopped "
    "one of your people.",
    steps=(
        "In the Entra admin center, open ID Protection, Risky users, and find out what happened.",
        "If the account is in good hands, dismiss the risk. If not, treat it as taken over.",
        _AGAIN,
    ),
)
_DEVICE = AdminText(
    title="Somebody signed in from a device that is not managed, or not as your policy wants it",
    happened="A Conditional Access policy of your tenant wants a managed device for this application.",
    steps=(
        _SIGN_IN_LOGS,
        "Its Device info and Conditional Access tabs say what the device lacks, and which policy wants it.",
        "Have the device join or comply, or have the person use one that does.",
        _AGAIN,
    ),
)
_EXTERNAL = AdminText(
    title="A check outside of Entra was not passed",
    happened="Your tenant sends its people to another service for a further check, such as their second factor, and "
    "the check did not come to a good end.",
    steps=(
        _SIGN_IN_LOGS,
        "Its Authentication details and Conditional Access tabs name the check.",
        "See whether that service works for the person, and for this application.",
        _AGAIN,
    ),
)

ADMINS: Mapping[str, AdminText] = {
    "AADSTS90008": _APPROVAL,
    "AADSTS90094": _APPROVAL,
    "AADSTS90095": AdminText(
        title="Somebody asks you to approve this application",
        happened="Your tenant lets its people ask for an application they need, and one of them may have asked for "
        "this one.",
        steps=(
            "In the Entra admin center, open Entra ID, Enterprise apps, Admin consent requests.",
            "Open the request with the application id below, compare it with the list below, and approve it.",
            "If there is no such request, sign in here yourself, and approve it when Microsoft asks.",
            "Have your people sign in.",
        ),
        consent=True,
    ),
    "AADSTS700011": _UNKNOWN,
    "AADSTS700016": _UNKNOWN,
    "AADSTS7000112": AdminText(
        title="This application is switched off in your tenant",
        happened="An administrator of your tenant has disabled this application for everybody.",
        steps=(
            _ENTERPRISE_APPS,
            'Under Properties, see whether "Enabled for users to sign in" was switched off on purpose.',
            "If your people are to use it, switch it on, save, and have them sign in again.",
        ),
    ),
    "AADSTS50105": AdminText(
        title="Assign somebody to this application",
        happened="Your tenant lets only those of its people use this application who are assigned to it, and one who "
        "is not has tried.",
        steps=(
            _ENTERPRISE_APPS,
            "Under Users and groups, add the person, or a group that they belong to.",
            _AGAIN,
        ),
    ),
    "AADSTS53000": _DEVICE,
    "AADSTS53001": _DEVICE,
    "AADSTS53002": AdminText(
        title="Your policy wants an approved client application",
        happened="A Conditional Access policy of your tenant wants people to come by an approved client application, "
        "such as a certain browser or app.",
        steps=(
            _SIGN_IN_LOGS,
            "Its Conditional Access tab names the policy and what was not met.",
            "Tell the person which client to use, or decide whether the policy is meant for this application.",
            _AGAIN,
        ),
    ),
    "AADSTS53003": _BLOCKED,
    "AADSTS53004": _REGISTRATION,
    "AADSTS53010": _REGISTRATION,
    "AADSTS53011": _RISK,
    "AADSTS530032": _BLOCKED,
    "AADSTS530035": AdminText(
        title="Security defaults stopped a sign-in",
        happened="The security defaults of your tenant did not allow one of your people to sign in.",
        steps=(
            _SIGN_IN_LOGS,
            "See why. This application uses modern authentication, in an ordinary browser.",
            "Have the person try again, on a device of their own. Keep security defaults on.",
        ),
    ),
    "AADSTS50131": _BLOCKED,
    "AADSTS50158": _EXTERNAL,
    "AADSTS500021": AdminText(
        title="Your network lets people sign in at certain tenants only",
        happened="Tenant restrictions are in force where the person is, and the tenant that they want to sign in at is "
        "not on the list.",
        steps=(
            "Find where they are set: at a proxy that adds Restrict-Access-To-Tenants, or as Cross-tenant access.",
            "If the person is to sign in at that tenant, add it to the list.",
            _AGAIN,
        ),
    ),
    "AADSTS500212": AdminText(
        title="Your tenant does not let its people out to another one",
        happened="The outbound access settings of your tenant do not let one of your people use this application in "
        "another organisation's tenant.",
        steps=(_CROSS_TENANT, "See what Outbound access says of that organisation, and of this application.", _AGAIN),
    ),
    "AADSTS500213": AdminText(
        title="Your tenant does not let somebody of another one in",
        happened="The inbound access settings of your tenant do not let somebody of another organisation use this "
        "application.",
        steps=(_CROSS_TENANT, "See what Inbound access says of that organisation, and of this application.", _AGAIN),
    ),
}
"""By code, as Microsoft writes it."""
