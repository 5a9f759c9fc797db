"""Every page in Chromium: nothing that axe can find, nothing refused by the policy, nothing wider than the screen."""

import shutil
import threading
from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from werkzeug.serving import make_server

from tests.web.conftest import LOOPBACK, build
from tests.web.samples import PAGES

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = ViewportSize(width=320, height=700)  # WCAG 2.2, 1.4.10: no scrolling in two directions at this width
DESK = ViewportSize(width=1280, height=900)


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
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """Yield a fresh tab."""
    context = chromium.new_context(viewport=DESK, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("scheme, viewport", [("light", PHONE), ("dark", DESK)], ids=["light", "dark"])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_axe_finds_nothing_on_the_page(
    tab: Page, site: str, name: str, scheme: Literal["light", "dark"], viewport: ViewportSize
) -> None:
    refused: list[str] = []
    tab.on("console", lambda message: refused.append(message.text))
    tab.on("requestfailed", lambda request: refused.append(request.url))
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size(viewport)
    tab.goto(f"{site}/page/{name}")
    result = Axe().run(tab)
    assert result.response["passes"]
    assert result.violations_count == 0, result.generate_report()
    assert tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert refused == []


def test_the_keyboard_reaches_everything_in_the_order_it_is_read(tab: Page, site: str) -> None:
    tab.goto(f"{site}/page/choose")
    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.innerText.split('\\n')[0].trim()"))
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == [
        "Skip to content",
        "Vestibule",
        "Microsoft",
        "Contoso",
        "GitHub",
        "Cancel and go back to crates.example",
    ]


def test_the_skip_link_passes_over_the_header(tab: Page, site: str) -> None:
    tab.goto(f"{site}/page/choose")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "/signin/microsoft_account"
