"""It must show 8: 50 parallel redemptions of one code, on every pair of stores."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.world import Arrival, running

PARALLEL = 50


@pytest.mark.parametrize("short_lived", ["memory", "redis"])
@pytest.mark.parametrize("durable", ["sqlite", "postgresql"])
def test_of_fifty_parallel_redemptions_of_one_code_one_succeeds(
    durable: str, short_lived: str, tmp_path: Path, standins: Standins, request: pytest.FixtureRequest
) -> None:
    database_url = request.getfixturevalue("fresh_postgres_url") if durable == "postgresql" else None
    store_url = request.getfixturevalue("fresh_redis_url") if short_lived == "redis" else "memory://"
    with running(tmp_path, standins=standins, database_url=database_url, store_url=store_url) as world:
        visitor, registry = world.visitor(), world.registry()
        arrived = visitor.sign_in("2fa-true", "github")
        assert isinstance(arrived, Arrival)
        verifier = visitor.last_request.verifier
        with ThreadPoolExecutor(PARALLEL) as pool:
            answers = list(pool.map(lambda _: registry.token_response(arrived.code, verifier), range(PARALLEL)))
        assert sorted(answer.status_code for answer in answers) == [200, *[400] * (PARALLEL - 1)]
        refused = {answer.json()["error"] for answer in answers if answer.status_code == 400}
        assert refused == {"invalid_grant"}
