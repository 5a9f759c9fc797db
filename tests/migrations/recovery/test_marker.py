"""A marker is seen where a real Git server has it, and in no answer that is out of form."""

from collections.abc import Iterator
from functools import partial

import pytest
import requests

from broker.storage.memory import MemoryStore
from migrations.accounts.recovery import marker
from migrations.accounts.recovery.limits import Requests
from migrations.accounts.recovery.marker import MAX_BYTES, SECONDS, Malformed, advertises, seen_in
from providers.connection import ResponseTooLarge
from providers.guarded import AddressRefused, Fetched, guarded_get
from tests.limits.counting import counting
from tests.migrations.recovery.git_server import GitServer, git_server
from tests.providers.loopback import Handler, serve

BRANCH = "vestibule-0123456789abcdef0123"
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
OID = "95dcfa3633004da0049d3d0fa03f80589cbcaf31"
LOOPBACK = partial(guarded_get, insecure_allow_private=True)


def hosts() -> Requests:
    store = MemoryStore()
    return Requests(store, counting(store))


def line(text: str | bytes) -> bytes:
    """Return a pkt-line (gitprotocol-common(5))."""
    data = text.encode() if isinstance(text, str) else text
    return f"{len(data) + 4:04x}".encode() + data


SERVICE = line("# service=git-upload-pack\n") + b"0000"
FIRST = line(f"{OID} HEAD\0multi_ack side-band-64k agent=git/2\n")
MARKED = line(f"{OID} refs/heads/{BRANCH}\n")
GOOD = SERVICE + FIRST + line(f"{OID} refs/heads/main\n") + MARKED + line(f"{OID} refs/tags/v1^{{}}\n") + b"0000"


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as running:
        yield running


def test_a_branch_that_was_really_pushed_to_a_real_server_is_seen(git: GitServer) -> None:
    assert seen_in([git.url], BRANCH, LOOPBACK, hosts()) is None
    git.tag(BRANCH)
    git.push(f"{BRANCH}-not")
    git.push(f"feature/{BRANCH}")
    assert seen_in([git.url], BRANCH, LOOPBACK, hosts()) is None
    git.push(BRANCH)
    assert seen_in([f"{git.url}-not-there", git.url], BRANCH, LOOPBACK, hosts()) == git.url


def test_t11_a_repository_on_a_private_address_is_not_asked(git: GitServer) -> None:
    git.push("vestibule-private")
    assert seen_in([git.url, "https://127.0.0.1/name.git"], "vestibule-private", guarded_get, hosts()) is None


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        SERVICE + line("version 1\n") + FIRST + MARKED + b"0000",
        SERVICE + line(f"{OID} refs/heads/{BRANCH}\0multi_ack") + b"0000",
        GOOD.replace(b"refs/heads/main", b"refs/heads/ma\xc3\xaf"),
        SERVICE + FIRST + MARKED + line(f"shallow {OID}") + b"0000",
        line("# service=git-upload-pack") + b"0000" + FIRST + MARKED + b"0000",
        SERVICE + line(f"{'0' * 64} HEAD\0object-format=sha256") + line(f"{'1' * 64} refs/heads/{BRANCH}") + b"0000",
    ],
)
def test_a_branch_is_found_in_whatever_form_the_protocol_has(body: bytes) -> None:
    assert advertises(body, BRANCH)
    assert not advertises(body, BRANCH[:-1])


def test_a_repository_without_any_branch_has_none() -> None:
    assert not advertises(SERVICE + line(f"{'0' * 40} capabilities^{{}}\0multi_ack\n") + b"0000", BRANCH)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"00", b"0000", b"zzzz", b"001E# service=git-upload-pack\n0000", b"<!doctype html>" + MARKED),
        *(GOOD[:-4], GOOD[:-1], GOOD[:-10], GOOD[: len(SERVICE)], SERVICE + b"0000", GOOD + b"0000", GOOD + MARKED),
        *(FIRST + MARKED + b"0000", line("# service=git-receive-pack\n") + b"0000" + FIRST + MARKED + b"0000"),
        line("# service=git-upload-pack\n") + FIRST + MARKED + b"0000",
        SERVICE + line(f"{OID} HEAD\n") + MARKED + b"0000",
        *(SERVICE + FIRST + mark + MARKED + b"0000" for mark in (b"0001", b"0002", b"0003", b"0004", b"0000")),
        SERVICE + FIRST + b"fff1" + b"x" * 65517 + b"0000",
        SERVICE + FIRST + b"ffff" + MARKED,
        SERVICE + line("ERR access denied") + b"0000",
        SERVICE + FIRST + line("ERR access denied") + b"0000",
        SERVICE + line("version 2\n") + line("ls-refs\n") + b"0000",
        SERVICE + line("version 1") + line("version 1") + FIRST + MARKED + b"0000",
        SERVICE + FIRST + line(f"{OID[:-1]} refs/heads/{BRANCH}") + b"0000",
        SERVICE + FIRST + line(f"{OID}\trefs/heads/{BRANCH}") + b"0000",
        SERVICE + FIRST + line(f"{OID} refs/heads/{BRANCH} refs/heads/more") + b"0000",
        SERVICE + FIRST + line(f"{OID} refs/heads/{BRANCH}\0more") + b"0000",
        f"{OID}\trefs/heads/{BRANCH}\n".encode(),
    ],
)
def test_t12_an_answer_that_is_out_of_form_shows_nothing(body: bytes) -> None:
    with pytest.raises(Malformed):
        advertises(body, BRANCH)


def test_t12_an_answer_of_lines_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marker, "_MOST_LINES", 5)
    with pytest.raises(Malformed, match="lines"):
        advertises(GOOD, BRANCH)


@pytest.mark.parametrize(
    "status, headers, body",
    [
        (200, {"Content_Type": "text/html"}, GOOD),
        (200, {}, GOOD),
        (404, {"Content_Type": ADVERTISEMENT}, GOOD),
        (401, {"Content_Type": ADVERTISEMENT}, GOOD),
        (302, {"Content_Type": ADVERTISEMENT, "Location": "/elsewhere"}, GOOD),
        (200, {"Content_Type": ADVERTISEMENT}, GOOD[:-4]),
        (200, {"Content_Type": ADVERTISEMENT}, SERVICE + FIRST + MARKED * (MAX_BYTES // len(MARKED) + 1) + b"0000"),
    ],
    ids=["html", "no type", "not there", "asks who", "redirects", "cut", "huge"],
)
def test_t11_an_answer_with_another_head_or_too_long_a_body_shows_nothing(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    with serve(lambda handler: handler.reply(body, status, **headers)) as server:
        assert seen_in([server.url], BRANCH, LOOPBACK, hosts()) is None
        assert server.count("/info/refs?service=git-upload-pack") == server.count() == 1


def test_the_same_answer_with_the_right_head_shows_it() -> None:
    def answer(handler: Handler) -> None:
        handler.reply(GOOD, Content_Type=f"{ADVERTISEMENT}; charset=utf-8")

    with serve(answer) as server:
        assert seen_in([server.url], BRANCH, LOOPBACK, hosts()) == server.url


def test_a_server_that_hangs_up_shows_nothing() -> None:
    def hang_up(handler: Handler) -> None:
        handler.close_connection = True

    with serve(hang_up) as server:
        assert seen_in([server.url, "http://127.0.0.1:1/gone"], BRANCH, LOOPBACK, hosts()) is None


class Web:
    """Hosts that answer after so many seconds, or with an error, on a clock that only they move."""

    def __init__(self, **answers: float | Exception) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self._answers = answers

    def fetch(self, url: str, *, max_bytes: int, timeout: tuple[float, float], total: float) -> Fetched:
        host = url.split("/")[2]
        self.asked.append(host)
        assert max_bytes == MAX_BYTES
        answer = self._answers[host.partition(".")[0]]
        if isinstance(answer, Exception):
            raise answer
        # The name server, the connection and the rest, each for as long as it may take.
        self.now += min(answer, 2 * timeout[0] + total)
        if answer > total:
            raise requests.ReadTimeout
        return Fetched(status=200, media_type=ADVERTISEMENT, body=GOOD)

    def look(self, known: Requests, *names: str) -> str | None:
        return seen_in([f"https://{each}/a.git" for each in names], BRANCH, self.fetch, known, lambda: self.now)


def test_t12_repositories_that_never_answer_get_five_seconds_all_together() -> None:
    web = Web(tar=60.0, pit=60.0, good=0.1)
    assert web.look(hosts(), "tar.example", "pit.example", "good.example") is None
    assert (web.asked, web.now) == (["tar.example"], SECONDS)


def test_t12_a_host_that_did_not_answer_is_not_asked_for_ten_minutes_and_others_are() -> None:
    web, store_now = Web(tar=60.0, pit=requests.ConnectionError(), good=0.1), [0.0]
    store = MemoryStore(clock=lambda: store_now[0])
    known = Requests(store, counting(store))
    assert web.look(known, "pit.example", "tar.example", "good.example") is None
    assert web.look(known, "pit.example", "tar.example", "good.example") == "https://good.example/a.git"
    assert web.asked == ["pit.example", "tar.example", "good.example"]
    store_now[0] = 601.0
    web.look(known, "pit.example")
    assert web.asked[-1] == "pit.example"


@pytest.mark.parametrize("error", [ResponseTooLarge("huge"), AddressRefused("redirects")])
def test_a_host_that_answers_something_else_is_asked_again(error: Exception) -> None:
    web, known = Web(odd=error), hosts()
    for _ in range(2):
        assert web.look(known, "odd.example") is None
    assert len(web.asked) == 2


def test_t12_nobodys_repository_keeps_others_from_being_looked_for_at_a_host_that_all_use() -> None:
    web, known = Web(github=60.0), hosts()
    for _ in range(2):
        assert web.look(known, "github.com") is None
    assert len(web.asked) == 2
