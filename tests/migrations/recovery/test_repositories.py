"""Where a package's source is: what people and programs write down, and what of it is ever asked."""

import pytest

from migrations.accounts.records import Package
from migrations.accounts.recovery.repositories import MOST, normalised, repositories_of

GITHUB = "https://github.com/owner/name.git"
GITLAB = "https://gitlab.com/group/sub/name.git"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("https://github.com/owner/name", GITHUB),
        ("https://github.com/owner/name.git", GITHUB),
        ("git+https://github.com/owner/name.git", GITHUB),
        (" http://www.github.com/owner/name/ ", GITHUB),
        ("https://GitHub.com/owner/name/tree/main/packages/x#readme", GITHUB),
        ("https://github.com/owner/name?tab=readme-ov-file", GITHUB),
        ("git://github.com/owner/name.git", GITHUB),
        ("git@github.com:owner/name.git", GITHUB),
        ("ssh://git@github.com/owner/name.git", GITHUB),
        ("git+ssh://git@github.com:22/owner/name", GITHUB),
        ("github.com:owner/name", GITHUB),
        ("https://gitlab.com/group/sub/name", GITLAB),
        ("https://gitlab.com/group/sub/name/-/tree/main", GITLAB),
        ("https://gitlab.com/group/name/tree/main", "https://gitlab.com/group/name.git"),
        ("git@gitlab.com:group/sub/name.git", GITLAB),
        ("https://git.example.org/~ada/name/", "https://git.example.org/~ada/name"),
        ("https://Git.Example.org:443/name.git", "https://git.example.org:443/name.git"),
    ],
)
def test_a_repository_is_asked_by_https_whatever_was_written_down(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "widget", "owner/name", "github:owner/name", "file:///etc/passwd", "https://"),
        *("https://github.com/owner", "https://github.com/", "https://github.com/owner/.git"),
        *("https://github.com/../name", "https://github.com/owner/na%20me", "https://github.com/owner/na me"),
        *("http://git.example.org/name", "git://git.example.org/name", "ssh://git@git.example.org/name"),
        *("git@git.example.org:owner/name.git", "https://user:secret@git.example.org/name"),
        *("https://git.example.org", "https://git.example.org:8443/name", "https://git.example.org:99999/name"),
        *("https://git.example.org/name?service=x", "https://git.example.org/a/../../name", "https://[::1/name"),
        "https://git.example.org/" + "a/" * 30,
    ],
)
def test_t11_what_is_no_plain_https_address_of_a_repository_is_never_asked(text: str) -> None:
    assert normalised(text) is None


def test_an_unsafe_switch_takes_a_repository_without_tls_on_any_port() -> None:
    assert normalised("http://127.0.0.1:8080/name.git", plain_allowed=True) == "http://127.0.0.1:8080/name.git"
    assert normalised("git://127.0.0.1:8080/name.git", plain_allowed=True) is None


def package(name: str, downloads: int = 0, role: str = "owner", repository: str | None = "") -> Package:
    where = f"https://git.example.org/{name}" if repository == "" else repository
    return Package(name=name, role=role, downloads=downloads, repository=where)


def test_only_packages_that_the_account_owns_count_the_named_one_first_and_then_the_most_used() -> None:
    packages = [
        *(package("a", 1), package("b", 30), package("c", 20), package("d", 10)),
        *(package("again", 99, repository="https://git.example.org/b"), package("helped", 1000, role="contributor")),
        *(package("none", 500, repository=None), package("odd", 400, repository="see the wiki")),
    ]
    found = [each.rpartition("/")[2] for each in repositories_of(packages, "a")]
    assert found == ["a", "b", "c"]
    assert len(found) == MOST
    assert [each.rpartition("/")[2] for each in repositories_of(packages, "helped")] == ["b", "c", "d"]
    assert repositories_of([], None) == ()
