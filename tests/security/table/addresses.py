"""Where to find an example of each page: the parts of a path that are only known at run time."""

from urllib.parse import urlencode

from tests.security.table.house import House
from tests.security.table.t7 import asked_for_consent


def authorize(house: House) -> str:
    return f"/authorize?{urlencode(house.request('basic', prompt='login').parameters)}"


def chooser(house: House) -> str:
    path: str = house.once(_transaction)
    return path


def work(house: House) -> str:
    return chooser(house).replace("/signin/", "/work/")


def departure(house: House) -> str:
    return f"{chooser(house)}/github"


def _transaction(house: House) -> object:
    return house.person.authorize(house.request("basic", prompt="login")).headers["Location"]


def consent(house: House) -> str:
    return house.once(asked_for_consent).url.removeprefix(house.base)  # type: ignore[no-any-return]  # of a Page


def question(house: House) -> str:
    return house.once(_question).url.removeprefix(house.base)  # type: ignore[no-any-return]  # of a Page


def another(house: House) -> str:
    return f"{question(house)}/another"


def _question(house: House) -> object:
    return house.question(house.device("public"))


def registration(house: House) -> str:
    return f"/register/{house.once(_client)}"


def _client(house: House) -> object:
    return house.add_client()


def probe(house: House) -> str:
    return f"/probe/{house.world.parts.proofs.start_probe('github', house.world.clock())}"
