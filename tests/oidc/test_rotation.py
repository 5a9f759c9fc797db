"""It must show 5: a signing key is replaced under steady load, and no request fails meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.storage.database import Database
from providers.standins import Standins
from tests.world import TIMEOUT, Visitor, World, running

USERS = 4
SIGN_INS = 3  # of each user, in each phase
ALG = "ES256"
LEARNT = timedelta(seconds=61)
# Seconds. What is under way when the clock moves, by less than this, is still good afterwards.
LIFETIME, PUBLISH_FOR, OVERLAP = 600, 600, 660


def brisk(raw: dict[str, Any]) -> None:
    """Let a whole rotation fit into the lifetime of the users' sessions."""
    raw["tokens"] = {"access": LIFETIME, "id_token": LIFETIME, "code": LIFETIME}
    raw["keys"] = {"publish_for": PUBLISH_FOR, "overlap": OVERLAP}


@contextmanager
def another_process(world: World) -> Iterator[Rotation]:
    """Yield what rotates, as the command does: it shares nothing with the broker but the database."""
    settings = world.parts.settings
    database = Database(settings.database.url)
    cipher = FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
    audit = Audit(database, settings.secrets.audit_key())
    yield Rotation(database, cipher, SigningKeys(database, cipher, (ALG,)), audit, settings.keys)
    database.dispose()


def jwks(world: World) -> dict[str, dict[str, Any]]:
    """Return the keys of our algorithm in the JWKS of this moment, by ``kid``."""
    response = requests.get(f"{world.base}/jwks", timeout=TIMEOUT)
    assert response.status_code == 200
    return {key["kid"]: key for key in response.json()["keys"] if key["alg"] == ALG}


@dataclass
class User:
    """Signs in by a live session again and again, and keeps the tokens that are still good."""

    world: World
    visitor: Visitor
    kids: list[str] = field(default_factory=list)
    kept: list[tuple[str, int]] = field(default_factory=list)
    verified_again: int = 0

    def sign_in_again_and_again(self, done: "Queue[None]") -> None:
        for _ in range(SIGN_INS):
            self._sign_in()
            done.put(None)

    def _sign_in(self) -> None:
        registry = self.world.registry()
        request = registry.request(prompt="none")
        tokens = registry.redeem(self.visitor.walk(self.visitor.authorize(request)), request)  # verifies
        assert registry.userinfo(tokens.response["access_token"]).status_code == 200
        self.kids.append(tokens.header["kid"])
        self._verify_kept()
        self.kept.append((tokens.response["id_token"], tokens.claims["exp"]))

    def _verify_kept(self) -> None:
        """Verify the tokens of before that have not expired, against the JWKS of now."""
        keys = KeySet.import_key_set({"keys": list(jwks(self.world).values())})
        now = self.world.clock().timestamp()
        self.kept = [(token, exp) for token, exp in self.kept if exp > now][-SIGN_INS:]
        for token, _ in self.kept:
            jwt.decode(token, keys, algorithms=[ALG])
            self.verified_again += 1


@pytest.fixture
def brisk_world(tmp_path: Path, standins: Standins) -> Iterator[World]:
    with running(tmp_path, standins=standins, change=brisk) as world:
        yield world


def test_a_key_is_replaced_under_steady_load_and_no_request_fails(brisk_world: World) -> None:
    world = brisk_world
    users = [User(world, world.visitor()) for _ in range(USERS)]
    for user in users:
        user.visitor.sign_in("2fa-true", "github")

    def under_load(happens: Callable[[], object]) -> set[str]:
        """Let something happen while everybody signs in, and return the JWKS when all of them are through."""
        done: Queue[None] = Queue()
        with ThreadPoolExecutor(USERS) as pool:
            loads = [pool.submit(user.sign_in_again_and_again, done) for user in users]
            done.get(timeout=TIMEOUT)
            happens()
            for load in loads:
                load.result()
        return set(jwks(world))

    def later(seconds: int) -> Callable[[], None]:
        return lambda: world.clock.move(timedelta(seconds=seconds))

    with another_process(world) as rotation:
        (old,) = under_load(lambda: None)

        def rotate() -> str:
            made = rotation.rotate(ALG, world.clock())
            world.clock.move(LEARNT)
            return made.kid

        published = under_load(rotate)
        (new,) = published - {old}
        assert {kid for user in users for kid in user.kids} == {old}

        assert under_load(later(PUBLISH_FOR // 2)) == {old, new}
        assert {kid for user in users for kid in user.kids} == {old}

        active = under_load(later(PUBLISH_FOR // 2))
        assert active == {old, new}
        assert {user.kids[-1] for user in users} == {new}

        assert under_load(later(OVERLAP // 2)) == {old, new}
        assert under_load(later(OVERLAP // 2)) == {new}

        def destroy() -> None:
            assert rotation.destroy_gone(world.clock()) == (old,)
            world.clock.move(LEARNT)

        assert under_load(destroy) == {new}

    assert {len(user.kids) for user in users} == {7 * SIGN_INS}
    for user in users:
        assert user.kids == sorted(user.kids, key=[old, new].index)  # nobody met the old one again
        assert user.kids.count(old) >= 3 * SIGN_INS
        assert user.verified_again >= 7 * SIGN_INS - 1  # at every sign-in but the first
