"""Visits of a real browser, which can reach only the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route

from tests.end_to_end.server import Server

HOST = "service.example"  # browsers treat local names differently
LOCAL_HOST = "service.localhost"
TIMEOUT_MS = 60_000  # generous, so that slow machines pass


@dataclass
class Visit:
    """A page, and what should not happen on it.

    external: URLs of other servers that the page requested.
    messages: messages in the browser's console, and errors.
    """

    page: Page
    url: str
    external: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.route("**/*", self._handle)
        self.page.on(
            "console",
            lambda message: self.messages.append(f"{message.type}: {message.text}"),
        )
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))

    def _handle(self, route: Route) -> None:
        url = route.request.url
        if urlsplit(url).netloc == urlsplit(self.url).netloc:
            route.continue_()
        else:
            self.external.append(url)
            route.abort()


@contextmanager
def visiting(browser: Browser, server: Server, **options: Any) -> Iterator[Visit]:
    """Open a page, with Playwright's options.

    In the end, check that it requested nothing from other servers and that the browser
    reported nothing, such as a violation of the content security policy.
    """
    with browser.new_page(**options) as page:
        visit = Visit(page, f"http://{HOST}:{server.port}")
        yield visit
        assert visit.external == []
        assert visit.messages == []
