"""The same for the old world: operators' pages of the campaign, what people do with their accounts, and links in mails.

Three kinds: pages of operators; pages of one's own cases; and doors, which are open to whoever has the link, or to
the browser that began.
"""

from collections.abc import Mapping
from datetime import timedelta

from tests.security.admins.people import Who
from tests.security.admins.rules import (
    ADMINS,
    DECIDING,
    EVERYBODY,
    FRESH,
    INVITED,
    OPERATORS,
    WITH_MFA,
    Row,
    Rule,
    rows,
)
from tests.security.admins.samples import Sample, asked, sample

ASKING = WITH_MFA - {Who.STALE, Who.STALE_OPERATOR}
TEXT = {"subject": "{registry}", "text": "{link} {unsubscribe}"}
WAVE = {"template": "announced", "audience": "everyone", "per_hour": "", "most": "1"}
UNTIL = Sample(
    values=lambda now: {"until": (now + timedelta(days=30)).date().isoformat()}, ids={"registry_id": "pending"}
)

# fmt: off
PAGES: Mapping[Rule, Row] = {
    **rows("/operator/migration", {
        "GET ": (OPERATORS, asked()),
        "POST /search": (OPERATORS, asked(account="pending")),
        "GET /accounts/<registry_id>": (OPERATORS, (sample(registry_id="pending"),)),
        "POST /accounts/<registry_id>/exception": (DECIDING, (UNTIL,)),
        "GET /aliases": (OPERATORS, asked()),
        "POST /aliases/<registry_id>/<verb>": (
            DECIDING, tuple(sample(registry_id="proposed", verb=verb) for verb in ("confirm", "reject"))
        ),
        "GET /mails": (OPERATORS, asked()),
        "GET /mails/<name>": (OPERATORS, (sample(name="announced"),)),
        "POST /mails/<name>": (DECIDING, (sample(TEXT, name="announced"),)),
        "POST /mails/<name>/preview": (OPERATORS, (sample(TEXT, name="announced"),)),
        "POST /mails/<name>/reset": (DECIDING, (sample(name="edited"),)),
        "POST /waves/preview": (OPERATORS, (sample(WAVE),)),
        "POST /waves": (DECIDING, (sample(WAVE),)),
        # One runs at a time, and then none of the others could be started: this one was stopped.
        "POST /waves/<wave_id>/<verb>": (DECIDING, (sample(verb="resume"),)),
        "GET /cases": (OPERATORS, asked()),
        "GET /cases/<case_id>": (OPERATORS, tuple(sample(case_id=each) for each in ("disputed", "asked", "waiting"))),
        "POST /cases/<case_id>/uphold": (DECIDING, (sample(case_id="disputed"),)),
        "POST /cases/<case_id>/give-back": (DECIDING, (sample(case_id="disputed"),)),
        "POST /cases/<case_id>/halt": (DECIDING, (sample(case_id="waiting"),)),
        "POST /cases/<case_id>/approve": (DECIDING, (sample(case_id="asked"),)),
        "POST /cases/<case_id>/refuse": (DECIDING, (sample(case_id="asked"),)),
    }),
}

CASES: Mapping[Rule, Row] = {
    **rows("", {
        "GET /claim/cases/<case_id>": (ADMINS, (sample(case_id="waiting"),)),
        "POST /claim/cases/<case_id>/withdraw": (FRESH, (sample(case_id="waiting"),)),
        "GET /convert/cases/<case_id>": (ADMINS, (sample(case_id="converting"),)),
        "POST /convert/cases/<case_id>/withdraw": (FRESH, (sample(case_id="converting"),)),
        "POST /convert/accept/<token>": (INVITED, (sample(token="accept"),)),
        "POST /recover": (ASKING, asked(account="nobody", missing="both", evidence="I wrote it.")),
        "GET /recover/<ticket>": (ADMINS, asked()),
        "POST /recover/<ticket>/check": (ADMINS, asked()),
        "POST /recover/<ticket>/withdraw": (ADMINS, asked()),
    }),
}

DOORS: Mapping[Rule, Row] = {
    **rows("", {
        "GET /claim": (EVERYBODY, asked()),
        "POST /claim": (EVERYBODY, asked(account="nobody")),
        # The admin began these: they belong to the browser, whoever is signed in to it.
        "GET /claim/<attempt_id>": (ADMINS, asked()),
        "POST /claim/<attempt_id>/mail": (ADMINS, asked()),
        "POST /claim/<attempt_id>/password": (ADMINS, asked(password="Tr0ub4dor&3")),
        "POST /claim/<attempt_id>/finish": (FRESH, (sample(attempt_id="proven_attempt"),)),
        "GET /claim/link/<token>": (ADMINS, (sample(token="mailbox"),)),
        "POST /claim/link/<token>": (ADMINS, (sample(token="mailbox"),)),
        "GET /convert/<attempt_id>": (ADMINS, (sample(attempt_id="shared_attempt"),)),
        "POST /convert/<attempt_id>": (FRESH, (sample(
            {"organization": "Contoso Parts", "admin-1": "a@example.org", "admin-2": "b@example.org"},
            attempt_id="shared_attempt",
        ),)),
        # Whoever reads the mail, and nobody has to be anybody for it.
        "GET /convert/accept/<token>": (EVERYBODY, (sample(token="accept"),)),
        "GET /migration/stop/<token>": (EVERYBODY, (sample(token="stop"),)),
        "POST /migration/stop/<token>": (EVERYBODY, (sample(token="stop"),)),
        "GET /migration/undo/<token>": (EVERYBODY, (sample(token="undo"),)),
        "POST /migration/undo/<token>": (EVERYBODY, (sample(token="undo"),)),
        "GET /unsubscribe/<token>": (EVERYBODY, (sample(token="subscribed"),)),
        "POST /unsubscribe/<token>": (EVERYBODY, (sample(token="subscribed"),)),
        "POST /unsubscribe/<token>/again": (EVERYBODY, (sample(token="unsubscribed"),)),
        "GET /recover": (EVERYBODY - {Who.EXEMPT}, asked()),
    }),
}
# fmt: on

# What is kept for whoever is not fresh, until they are: what they typed.
KEPT = frozenset({Rule(method="POST", rule="/recover"), Rule(method="POST", rule="/convert/<attempt_id>")})


def refusal(who: Who, rule: Rule) -> int | None:
    """Return the status by which somebody is refused who may not; none for what is not of these two kinds."""
    if rule in DOORS:
        if "<attempt_id>" not in rule.rule and "<token>" not in rule.rule:
            return 403
        return 403 if who is Who.STALE else 400  # a form that is not fresh, or another browser's
    if rule not in CASES:
        return None
    if who is Who.NOBODY:
        return 303 if rule.method == "GET" else 403
    takes_fresh = rule.method == "POST" and "<ticket>" not in rule.rule
    if who is Who.EXEMPT or rule.rule == "/convert/accept/<token>":
        return 403
    return 403 if takes_fresh and who in (Who.STALE, Who.STALE_OPERATOR) else 404
