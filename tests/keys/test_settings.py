from typing import Any

import pytest
from pydantic import ValidationError

from broker.settings import Settings
from broker.settings.model import KeySettings
from tests.world import key


def settings(**tables: dict[str, int]) -> Settings:
    raw: dict[str, Any] = {
        "issuer": "https://login.example.org",
        "secrets": {
            "encryption": {"v1": key()},
            "pseudonym": {"v1": key()},
            **{name: key() for name in ("index", "audit", "cookies")},
        },
        "mail": {"url": "directory:mail", "sender": "vestibule@login.example"},
    }
    return Settings.model_validate(raw | tables)


def test_keys_are_replaced_four_times_a_year_where_nothing_is_said() -> None:
    plan = settings().keys
    assert (plan.rotate_after, plan.publish_for, plan.overlap) == (90 * 86_400, 86_400, 86_400)


def test_a_plan_may_be_never() -> None:
    assert KeySettings(rotate_after=0).rotate_after == 0


@pytest.mark.parametrize("seconds", [-1, 1, 86_399, 10**10])
def test_a_plan_is_daily_at_most(seconds: int) -> None:
    with pytest.raises(ValidationError):
        KeySettings(rotate_after=seconds)


@pytest.mark.parametrize("seconds", [0, 599, 10**9])
def test_a_key_is_published_before_it_signs_for_as_long_as_it_takes_to_be_known(seconds: int) -> None:
    with pytest.raises(ValidationError):
        KeySettings(publish_for=seconds)


@pytest.mark.parametrize("lives", [{"access": 3600}, {"id_token": 3600}, {"access": 3600, "id_token": 60}])
def test_t9_a_key_stays_published_longer_than_any_token_lives(lives: dict[str, int]) -> None:
    assert settings(tokens=lives, keys={"overlap": 3601}).keys.overlap == 3601
    with pytest.raises(ValidationError, match=r"no longer than tokens\.access or tokens\.id_token"):
        settings(tokens=lives, keys={"overlap": 3600})
    with pytest.raises(ValidationError):
        settings(keys={"overlap": 0})


def test_a_mistake_in_the_tokens_does_not_make_one_of_the_keys() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(tokens={"access": 0}, keys={"overlap": 1})
    assert [error["loc"] for error in caught.value.errors()] == [("tokens", "access")]
