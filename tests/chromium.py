"""Debian's Chromium, driven by Playwright, and what must hold of whatever page it shows."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, sync_playwright

from tests.servers import ServerMissing

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other machines do not exist, so that nothing leaves this one.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
SMALL = ViewportSize(width=320, height=700)  # WCAG 2.2, 1.4.10: no scrolling in two directions at this width
PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1280, height=900)

Scheme = Literal["light", "dark"]

# Off unless asked for: one of WCAG 2.2 AA, and the experimental ones. Level AAA stays off.
_MORE_RULES = (
    "target-size",
    "css-orientation-lock",
    "focus-order-semantics",
    "hidden-content",
    "label-content-name-mismatch",
    "p-as-heading",
    "table-fake-caption",
    "td-has-header",
)
_OPTIONS = {"resultTypes": ["violations"], "rules": {rule: {"enabled": True} for rule in _MORE_RULES}}


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield the browser. Raises ``ServerMissing`` where there is none; one at a time in a thread."""
    # The same engine, of the same source package; without a window to paint it takes less than half the time.
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        raise ServerMissing("Chromium is missing: apt-get install chromium-headless-shell")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=SWITCHES) as browser,
    ):
        yield browser


def complaints(context: BrowserContext) -> list[str]:
    """Return a list that grows with whatever the browser has to say about a page: refusals, errors, failed loads."""
    heard: list[str] = []

    def failed(request: Request) -> None:
        # Aborted: what was still being loaded when the page was left, or what is a download.
        if request.failure != "net::ERR_ABORTED":
            heard.append(f"failed: {request.url} {request.failure}")

    context.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    context.on("weberror", lambda error: heard.append(f"exception: {error.error}"))
    context.on("requestfailed", failed)
    return heard


def check_page(page: Page, viewport: ViewportSize, scheme: Scheme) -> None:
    """Assert that axe finds nothing on the page as it is shown so, and that it is no wider than the screen."""
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    # Axe is half a megabyte, so a page gets it once.
    axe = Axe("") if page.evaluate("'axe' in window") else Axe()
    result = axe.run(page, options=_OPTIONS)
    shown = f"{page.url}, {viewport['width']} wide, {scheme}"
    assert result.response["passes"], shown
    assert result.violations_count == 0, f"{shown}: {result.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], shown
