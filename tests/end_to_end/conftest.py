"""The browser, and visits of the playground."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.color_model import write_color_model
from tests.end_to_end.browser import HOST, LOCAL_HOST, TIMEOUT_MS, Visit, visiting
from tests.end_to_end.server import Server, serve

MODELS = ("mnist", "colors")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, which resolves no host names but the service's."""
    known = f"MAP {HOST} 127.0.0.1, MAP {LOCAL_HOST} 127.0.0.1"
    rules = f"--host-resolver-rules={known}, MAP * ~NOTFOUND"
    # A moving test picture instead of a camera, without a question.
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=chromium, args=[rules, *camera], timeout=TIMEOUT_MS
        ) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Servers of MNIST's model and of a model in color."""
    folder = tmp_path_factory.mktemp("models") / "colors"
    write_color_model(folder)
    with (
        serve("--workers", "1") as mnist,
        serve("--workers", "1", "--model", str(folder)) as colors,
    ):
        yield {"mnist": mnist, "colors": colors}


@pytest.fixture
def visit(browser: Browser, servers: dict[str, Server]) -> Iterator[Visit]:
    """Visit of MNIST's playground that is checked in the end."""
    with visiting(browser, servers["mnist"]) as visit:
        yield visit


@pytest.fixture(params=MODELS)
def any_visit(
    request: pytest.FixtureRequest, browser: Browser, servers: dict[str, Server]
) -> Iterator[Visit]:
    """Visits of both models' playgrounds."""
    with visiting(browser, servers[request.param]) as visit:
        yield visit
