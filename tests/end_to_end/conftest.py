"""The browser of several tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.end_to_end.browser import HOST, LOCAL_HOST, TIMEOUT_MS


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
