"""What mails say: text in which known words are replaced, once, and nothing else happens."""

from datetime import timedelta

import pytest

from migrations.accounts.campaign.letters import sample
from migrations.accounts.campaign.templates import (
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    PLACEHOLDERS,
    BadTemplate,
    Template,
    TemplateName,
    default,
    fill,
    read,
)
from tests.accounts.organizations.rooms import ISSUER, NOW
from tests.migrations.campaign.rooms import CampaignRoom, counted

GOOD = "Go to {link}, or away by {unsubscribe}."
VALUES = {name: f"<{name}>" for name in PLACEHOLDERS}


def template(subject: str = "Hello", text: str = GOOD) -> Template:
    return read(TemplateName.ANNOUNCED, subject, text)


def problems(subject: str = "Hello", text: str = GOOD) -> dict[str, str]:
    with pytest.raises(BadTemplate) as bad:
        template(subject, text)
    return dict(bad.value.problems)


@pytest.mark.parametrize("name", TemplateName)
def test_every_text_that_comes_with_the_broker_could_be_saved(room: CampaignRoom, name: TemplateName) -> None:
    original = default(name)
    assert read(name, original.subject, original.text) == original
    subject, text = fill(original, room.campaign.letters.values(sample(), NOW))
    assert "{" not in subject + text
    assert f"{ISSUER}/claim" in text.splitlines()
    assert "- 15 January 2027: The password opens nothing any more. Claim the account before." in text.splitlines()
    assert "2 packages: example, example-tools, and 2 keys" in " ".join(text.split())


def test_every_known_word_is_replaced() -> None:
    text = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    assert fill(template("{name} {registry} {closes}", text), VALUES) == (
        "<name> <registry> <closes>",
        " ".join(VALUES.values()) + "\n",
    )


@pytest.mark.parametrize(
    "value",
    ["{unsubscribe}", "{0.__class__}", "{name}", "%(link)s", "${link}", "\\1", "\\g<0>", "{{ 7 * 7 }}", "{% if %}"],
)
def test_t12_a_value_is_text_whatever_it_looks_like(value: str) -> None:
    _, text = fill(template(text=GOOD + "{name}"), {**VALUES, "name": value})
    assert text == f"Go to <link>, or away by <unsubscribe>.{value}\n"


@pytest.mark.parametrize(
    "text",
    [
        "{name.__class__}",
        "{0}",
        "{}",
        "{name!r}",
        "{name:>9}",
        "{{name}}",
        "{ name }",
        "{Name}",
        "{name",
        "name}",
        "{self}",
        "{settings}",
        "{password}",
    ],
)
def test_t12_a_template_reaches_nothing_but_the_known_words(text: str) -> None:
    assert set(problems(text=GOOD + text)) == {"text"}
    assert set(problems(subject=text)) == {"subject"}


def test_an_unknown_word_is_named_with_those_that_are_known() -> None:
    assert problems(text=GOOD + "{nmae}")["text"].startswith("{nmae} is not known here. What is: {name}, {registry},")
    assert problems(subject="{link}")["subject"] == "{link} is not known here. What is: {name}, {registry}, {closes}."


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "It has to say {link} and {unsubscribe} somewhere."),
        ("{link}", "It has to say {unsubscribe} somewhere."),
        ("{unsubscribe}", "It has to say {link} somewhere."),
        (GOOD + "x" * LONGEST_TEXT, "A text has at most 10,000 characters."),
        (GOOD + "\x07", "There is a character in it that cannot be seen. Type the text anew where it was pasted."),
        (GOOD + "\u202e", "There is a character in it that cannot be seen. Type the text anew where it was pasted."),
    ],
)
def test_a_text_says_where_to_go_and_how_to_be_left_alone(text: str, said: str) -> None:
    assert problems(text=text) == {"text": said}


@pytest.mark.parametrize("subject", ["", "  ", "x" * (LONGEST_SUBJECT + 1), "a\nBcc: b", "a\rb", "a\x00b", "a\u2028b"])
def test_a_subject_is_one_line(subject: str) -> None:
    assert set(problems(subject=subject)) == {"subject"}


def test_lines_end_as_ours_do_and_pasted_spaces_are_spaces() -> None:
    found = template(" Hello\xa0you ", "\n\r\n{link}\r\n\t{unsubscribe}\xa0!\r\n\r\n")
    assert (found.subject, found.text) == ("Hello you", "{link}\n\t{unsubscribe} !\n")


def test_a_name_cannot_break_out_of_the_subject() -> None:
    subject, _ = fill(template("For {name}"), {**VALUES, "name": "a\r\nBcc: eve@example.net"})
    assert subject == "For a  Bcc: eve@example.net"


def test_an_operators_text_is_kept_replaced_and_given_up_with_a_trace(room: CampaignRoom) -> None:
    otto = room.operator()
    templates = room.campaign.templates
    for text in ("{link} {unsubscribe} 1", "{link} {unsubscribe} 2"):
        with room.database.begin() as connection:
            templates.save(connection, otto, template(text=text))
    with room.database.read() as connection, counted(room.database) as seen:
        found = templates.get(connection, TemplateName.ANNOUNCED)
        others = [each for each in templates.all(connection) if each.edited_at is None]
    assert (found.text, found.edited_by, found.edited_at) == ("{link} {unsubscribe} 2\n", otto.account_id, NOW)
    assert others == [default(name) for name in TemplateName if name is not TemplateName.ANNOUNCED]
    assert len(seen) == 1 + len(TemplateName)
    for _ in range(2):
        with room.database.begin() as connection:
            templates.reset(connection, otto, TemplateName.ANNOUNCED)
    with room.database.read() as connection:
        assert templates.get(connection, TemplateName.ANNOUNCED) == default(TemplateName.ANNOUNCED)
    assert len(room.audited("migration.mail_edited")) == 2
    ((_, who, detail),) = room.audited("migration.mail_reset")
    assert (who, detail) == (otto.account_id, {"kind": "announced"})


def test_closing_is_said_with_the_accounts_own_exception(room: CampaignRoom) -> None:
    room.legacy(excepted_until=NOW + timedelta(days=90))
    assert room.campaign.letters.values(room.get(), NOW)["closes"] == "20 February 2027"
