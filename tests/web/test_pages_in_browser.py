"""Every page in Chromium: nothing that axe can find, nothing refused by the policy, nothing wider than the screen."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize
from werkzeug.serving import make_server

from tests.chromium import DESK, SMALL, Scheme, check_page, complaints, launched
from tests.web.conftest import LOOPBACK, build
from tests.web.samples import PAGES


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Yield the address where the sample pages are served."""
    server = make_server("127.0.0.1", 0, build(LOOPBACK), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Page]:
    """Yield a tab, which keeps no state but the page: a new one would have to compile axe anew, for a second."""
    context = chromium.new_context(viewport=DESK, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def heard(tab: Page) -> list[str]:
    return complaints(tab.context)


@pytest.mark.parametrize("scheme, viewport", [("light", SMALL), ("dark", DESK)], ids=["light", "dark"])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_axe_finds_nothing_on_the_page(
    tab: Page, site: str, heard: list[str], name: str, scheme: Scheme, viewport: ViewportSize
) -> None:
    heard.clear()
    tab.goto(f"{site}/page/{name}")
    # What can be opened is part of the page.
    tab.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    check_page(tab, viewport, scheme)
    assert heard == []


def test_the_keyboard_reaches_everything_in_the_order_it_is_read(tab: Page, site: str) -> None:
    tab.goto(f"{site}/page/choose")
    reached = []
    for _ in range(7):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.innerText.split('\\n')[0].trim()"))
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == [
        "Skip to content",
        "Vestibule",
        "Microsoft",
        "Contoso",
        "GitHub",
        "Use a work account",
        "Cancel and go back to crates.example",
    ]


def test_the_skip_link_passes_over_the_header(tab: Page, site: str) -> None:
    tab.goto(f"{site}/page/choose")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "/signin/microsoft_account"
