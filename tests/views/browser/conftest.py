"""A real browser that opens the page, and watches what it says and asks for."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, ViewportSize, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from core.settings import Settings
from tests.views.world import World
from views.handling.work import Work
from views.serving.app import create_app
from views.store import Store

_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: For whatever the page is waited for: a busy machine fails no test.
PATIENCE_MS = 45_000
Open = Callable[..., "Opened"]


class _Quiet(WSGIRequestHandler):
    """What a test has to say is lost in a line for each request."""

    def log_request(self, *_: Any) -> None:
        pass


@contextmanager
def served(store: Store, settings: Settings, work: Work | None = None) -> Iterator[str]:
    """The app on a free port; its address."""
    app = create_app(store, settings, work=work)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(world: World) -> Iterator[str]:
    """Of the page over the sample."""
    with served(world.store, world.settings) as url:
        yield url


@pytest.fixture(scope="session")
def desk(chromium: Browser) -> Iterator[BrowserContext]:
    """A window that has loaded the scripts before, as those of readers have."""
    made = chromium.new_context(viewport=DESKTOP)
    yield made
    made.close()


@dataclass
class Opened:
    """A page, and what it said and asked for."""

    page: Page
    alone: bool  #: in a window of its own
    said: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Once, or more often."""
        if self.alone:
            self.page.context.close()
        else:
            self.page.close()

    def texts(self, selector: str) -> list[str]:
        """Of all elements that match."""
        return self.page.locator(selector).all_inner_texts()

    def rows(self, table: str) -> list[list[str]]:
        """Cells of each row of a table's body."""
        found: list[list[str]] = self.page.locator(f"{table} tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return found

    def figure(self, key: str) -> str:
        """A key figure."""
        return self.page.locator(f"#figure-{key}").inner_text()

    def drawn(self) -> None:
        """Wait until everything is there."""
        self.page.wait_for_selector("#main[data-state=ready] #figure-transactions")
        self.page.wait_for_selector("#trend .js-plotly-plot", state="attached")
        self.page.wait_for_selector("#map .choroplethlayer path", state="attached")
        self.page.wait_for_selector("#feed > *", state="attached")

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until an expression of the page holds."""
        self.page.wait_for_function(condition, arg=argument)


@pytest.fixture
def open_page(chromium: Browser, desk: BrowserContext) -> Iterator[Open]:
    """Opens addresses; at the end nothing may have gone wrong or left the machine."""
    opened: list[Opened] = []

    def open_it(
        url: str, *, drawn: bool = True, size: ViewportSize | None = None, **context: Any
    ) -> Opened:
        own = size is not None or bool(context)
        made = chromium.new_context(viewport=size or DESKTOP, **context) if own else desk
        one = Opened(made.new_page(), own)
        one.page.set_default_timeout(PATIENCE_MS)
        opened.append(one)
        one.page.on("console", lambda message: _heard(one, message.type, message.text))
        one.page.on("pageerror", lambda error: one.said.append(str(error)))
        one.page.on("dialog", lambda dialog: _interrupted(one, dialog))
        one.page.on("request", lambda request: _asked(one, request.url))
        one.page.goto(url)
        if drawn:
            one.drawn()
        return one

    yield open_it
    for one in opened:
        one.close()
    assert [one.said for one in opened] == [[] for _ in opened]
    assert [one.foreign for one in opened] == [[] for _ in opened]


def _heard(one: Opened, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        one.said.append(f"{kind}: {text}")


def _interrupted(one: Opened, dialog: Dialog) -> None:
    one.said.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _asked(one: Opened, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
        one.foreign.append(url)
