"""The documentation in a real browser, that reaches nothing but the service and keeps to the pages' policy.

The screenshots are in pytest's folder for temporary files; ``--basetemp`` chooses it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, sync_playwright

from tests.end_to_end.server import Server, serve
from tests.samples import REPOSITORY

HOST = "service.example"  # no local name: some of what a page would load, it does not on those
WIDTHS = (1280, 400)
WALK = "img[alt^='An interpolation']"  # at the top of the page
MILLISECONDS = 60_000  # for anything to come; a slow machine is no failure
KEY = "a-key-of-some-length"


@dataclass
class Visit:
    """A page, and what happened on it that should not."""

    page: Page
    url: str
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(MILLISECONDS)
        self.page.route("**/*", self._handle)
        self.page.on(
            "console",
            lambda message: self.complaints.append(f"{message.type}: {message.text}"),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _handle(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(self.url).netloc:
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Run Chromium, which resolves no other name than the service's."""
    with sync_playwright() as playwright:
        rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND"
        with playwright.chromium.launch(
            executable_path=chromium, args=[rules], timeout=MILLISECONDS
        ) as browser:
            yield browser


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server as it comes."""
    with serve("--workers", "1") as server:
        yield server


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """A visit that is seen to have gone well."""
    yield from visit_to(browser, server)


def visit_to(browser: Browser, server: Server) -> Iterator[Visit]:
    """A new page; at the end, nothing from elsewhere has been asked for, and the browser had nothing to complain of."""
    with browser.new_page() as page:
        visit = Visit(page, f"http://{HOST}:{server.port}")
        yield visit
        assert visit.outside == []
        assert visit.complaints == []


def operations(page: Page, url: str) -> list[Locator]:
    """Open Swagger UI; give its operations."""
    page.goto(f"{url}/docs")
    page.locator(".opblock").first.wait_for()
    return page.locator(".opblock").all()


def toggle(operation: Locator) -> None:
    """Open an operation, or close it; a mouse's click would wait until all has come to rest, twice as long."""
    operation.locator(".opblock-summary-control").dispatch_event("click")


def executed(visit: Visit, operation: Locator) -> int:
    """The status that the page shows after a click on Execute."""
    path = operation.locator(".opblock-summary-path").inner_text().replace("\u200b", "")
    with visit.page.expect_response(
        lambda response: urlsplit(response.url).path == path
    ) as sent:
        operation.locator("button.execute").click()
    shown = operation.locator(".live-responses-table tbody .response-col_status").first
    shown.filter(has_text=str(sent.value.status)).wait_for()
    return sent.value.status


def test_every_example_of_every_operation_executes(visit: Visit) -> None:
    """As it stands, without a key pressed; each answer is 200."""
    statuses = {}
    for operation in operations(visit.page, visit.url):
        toggle(operation)
        operation.locator("button.execute").wait_for()
        name = operation.get_attribute("id") or ""
        choice = operation.locator(
            ".opblock-section-request-body .examples-select-element"
        )
        examples = (
            choice.locator("option").all_inner_texts() if choice.count() else [""]
        )
        for example in examples:
            if len(examples) > 1:
                choice.select_option(label=example)
            statuses[f"{name} {example}"] = executed(visit, operation)
        toggle(operation)

    assert len(statuses) > 15
    assert {name: status for name, status in statuses.items() if status != 200} == {}


@pytest.mark.parametrize(
    ("path", "media_type", "file"),
    [
        ("/interpolate", "image/png", None),
        ("/interpolate", "image/gif", None),
        ("/reconstruct", "image/png", "seven.png"),
    ],
)
def test_answers_are_shown_as_pictures(
    visit: Visit, path: str, media_type: str, file: str | None
) -> None:
    """Where such a type is chosen for the answer; a file is taken as it is."""
    operation = visit.page.locator(".opblock", has_text=path).first
    operations(visit.page, visit.url)
    toggle(operation)
    operation.locator(".response[data-code='200'] .content-type").select_option(
        media_type
    )
    if file:
        operation.get_by_label("Request content type").select_option(media_type)
        operation.locator("input[type=file]").set_input_files(
            REPOSITORY / "docs" / file
        )

    assert executed(visit, operation) == 200
    check_picture(operation.locator(".live-responses-table img"))


@pytest.mark.parametrize("width", WIDTHS)
def test_swagger_ui_shows_the_model_and_fits_its_window(
    visit: Visit, tmp_path: Path, width: int
) -> None:
    """With the picture, and room for the words beside or below each group's name."""
    page = visit.page
    page.set_viewport_size({"width": width, "height": 900})
    first, *_ = operations(page, visit.url)
    check_picture(page.locator(WALK))
    page.screenshot(path=tmp_path / f"docs-{width}.png", full_page=True)
    toggle(first)
    first.locator("button.execute").wait_for()
    first.screenshot(path=tmp_path / f"operation-{width}.png")

    boxes = [
        box
        for words in page.locator(".opblock-tag small").all()
        if (box := words.bounding_box())
    ]
    assert len(boxes) == 3
    assert all(box["width"] > 4 * box["height"] for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def check_picture(picture: Locator) -> None:
    """See that a picture comes."""
    picture.wait_for()
    picture.page.wait_for_function(
        "picture => picture.complete", arg=picture.element_handle()
    )
    assert picture.evaluate("picture => picture.naturalWidth") > 0


def test_a_key_opens_what_needs_one(browser: Browser) -> None:
    """Brought once, it goes with every request: the model is loaded anew."""
    with serve(
        "--workers", "1", "--docs-without-key", "--reload-endpoint", VAE_API_KEYS=KEY
    ) as server:
        for visit in visit_to(browser, server):
            (reload,) = (
                each
                for each in operations(visit.page, visit.url)
                if "reload" in each.inner_text()
            )
            toggle(reload)
            visit.page.locator(".auth-wrapper .authorize").first.click()
            visit.page.get_by_label("auth-bearer-value").fill(KEY)
            visit.page.locator(".auth-btn-wrapper .authorize").first.click()
            visit.page.locator(".auth-btn-wrapper .btn-done").first.click()
            assert executed(visit, reload) == 202
