"""The documentation page in a real browser, which can reach only the service.

Screenshots are in pytest's folder for temporary files; ``--basetemp`` chooses it.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator

from tests.end_to_end.browser import Visit, visiting
from tests.end_to_end.server import Server, serve
from tests.samples import REPOSITORY

WIDTHS = (1280, 400)
INTERPOLATION = "img[alt^='An interpolation']"  # at the top of the page
KEY = "a-key-of-some-length"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Server with default settings."""
    with serve("--workers", "1") as server:
        yield server


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """Visit that is checked in the end."""
    with visiting(browser, server) as visit:
        yield visit


def operations(visit: Visit) -> list[Locator]:
    """Open Swagger UI and return its operations."""
    visit.page.goto(f"{visit.url}/docs")
    blocks = visit.page.locator(".opblock")
    blocks.first.wait_for()
    return blocks.all()


def toggle(operation: Locator) -> None:
    """Open or close an operation.

    A mouse click would wait until animations have ended, which takes twice as long.
    """
    operation.locator(".opblock-summary-control").dispatch_event("click")


def execute(visit: Visit, operation: Locator) -> int:
    """Click on Execute and return the status that the page shows."""
    text = operation.locator(".opblock-summary-path").inner_text()
    path = text.replace("\u200b", "").replace("{model}", "mnist")
    with visit.page.expect_response(
        lambda response: urlsplit(response.url).path == path
    ) as sent:
        operation.locator("button.execute").click()
    status = sent.value.status
    column = ".live-responses-table tbody .response-col_status"
    shown = operation.locator(column).first
    shown.filter(has_text=str(status)).wait_for()
    return status


def execute_examples(visit: Visit, operation: Locator) -> list[int]:
    """Execute an operation with each of its examples and return the statuses."""
    toggle(operation)
    operation.locator("button.execute").wait_for()
    body = operation.locator(".opblock-section-request-body")
    choice = body.locator(".examples-select-element")
    statuses = []
    if choice.count():
        for example in choice.locator("option").all_inner_texts():
            choice.select_option(label=example)
            statuses.append(execute(visit, operation))
    else:
        statuses.append(execute(visit, operation))
    toggle(operation)
    return statuses


def test_every_example_of_every_operation_succeeds(visit: Visit) -> None:
    """Nothing has to be edited; each response is 200."""
    failures = {}
    count = 0
    for operation in operations(visit):
        statuses = execute_examples(visit, operation)
        count += len(statuses)
        if set(statuses) != {200}:
            failures[operation.get_attribute("id")] = statuses

    assert count > 15
    assert failures == {}


@pytest.mark.parametrize(
    ("path", "media_type", "file"),
    [
        ("/interpolate", "image/png", None),
        ("/interpolate", "image/gif", None),
        ("/reconstruct", "image/png", "seven.png"),
    ],
)
def test_responses_may_be_shown_as_images(
    visit: Visit, path: str, media_type: str, file: str | None
) -> None:
    """The media type of the response can be selected, and a file can be uploaded."""
    operations(visit)
    operation = visit.page.locator(".opblock", has_text=path).first
    toggle(operation)
    response = operation.locator(".response[data-code='200']")
    response.locator(".content-type").select_option(media_type)
    if file:
        operation.get_by_label("Request content type").select_option(media_type)
        upload = operation.locator("input[type=file]")
        upload.set_input_files(REPOSITORY / "docs" / file)

    assert execute(visit, operation) == 200
    check_image(operation.locator(".live-responses-table img"))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_shows_the_model_and_fits_its_window(
    visit: Visit, tmp_path: Path, width: int
) -> None:
    """The descriptions of groups have room next to their names, or below them."""
    page = visit.page
    page.set_viewport_size({"width": width, "height": 900})
    first = operations(visit)[0]
    check_image(page.locator(INTERPOLATION))
    page.screenshot(path=tmp_path / f"docs-{width}.png", full_page=True)
    toggle(first)
    first.locator("button.execute").wait_for()
    first.screenshot(path=tmp_path / f"operation-{width}.png")

    descriptions = page.locator(".opblock-tag small").all()
    assert len(descriptions) == 3
    for description in descriptions:
        box = description.bounding_box()
        assert box is not None
        assert box["width"] > 4 * box["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def check_image(image: Locator) -> None:
    """Check that an image is loaded and not empty."""
    image.wait_for()
    element = image.element_handle()
    image.page.wait_for_function("image => image.complete", arg=element)
    assert image.evaluate("image => image.naturalWidth") > 0


def test_an_api_key_can_be_entered(browser: Browser) -> None:
    """It is sent with later requests, here with a reload of the model."""
    flags = ("--workers", "1", "--docs-without-key", "--reload-endpoint")
    with (
        serve(*flags, VAE_API_KEYS=KEY) as server,
        visiting(browser, server) as visit,
    ):
        operations(visit)
        reload = visit.page.locator(".opblock", has_text="/model/reload")
        toggle(reload)
        visit.page.locator(".auth-wrapper .authorize").first.click()
        visit.page.get_by_label("auth-bearer-value").fill(KEY)
        visit.page.locator(".auth-btn-wrapper .authorize").first.click()
        visit.page.locator(".auth-btn-wrapper .btn-done").first.click()

        assert execute(visit, reload) == 202
