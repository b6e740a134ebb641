"""The playground as a whole: programs, errors, keys, a lost server, accessibility.

Screenshots are in pytest's folder for temporary files; ``--basetemp`` chooses it.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.color_model import write_color_model
from tests.end_to_end.browser import HOST, Visit, visiting
from tests.end_to_end.playground import (
    PANELS,
    allow_messages,
    clipboard,
    open_panel,
    run_copied,
    settle,
    use,
)
from tests.end_to_end.server import Server, serve
from tests.samples import MODEL

KEY = "a-key-of-some-length"


def test_an_error_is_shown_beside_its_field(visit: Visit) -> None:
    """In the problem's words; it goes when the field is right again."""
    panel = use(visit, "generate")
    count = panel.get_by_label("Pictures")
    error = panel.locator("[data-field=count] .error")
    count.fill("1000")
    expect(error).to_contain_text("VAE_MAX_ITEMS")
    expect(count).to_have_attribute("aria-invalid", "true")
    count.fill("3")
    expect(error).to_be_empty()
    settle(panel)
    allow_messages(visit, "422")


@pytest.mark.parametrize("name", PANELS)
def test_copied_programs_repeat_what_was_done(
    any_visit: Visit, name: str, tmp_path: Path
) -> None:
    """By curl and by Python, with the same responses as on the page."""
    page = any_visit.page
    page.goto(any_visit.url)
    shown: list[Any] = []

    def keep(request: Request) -> None:
        response = request.response()
        if response and response.headers.get("content-type") == "application/json":
            shown.append(response.json())

    page.on("requestfinished", keep)
    panel = use(any_visit, name)
    by_curl = run_copied(panel, "curl", tmp_path)
    by_python = run_copied(panel, "Python", tmp_path)

    assert by_curl == by_python
    assert by_curl
    assert all(response in shown for response in by_curl)


def test_a_key_is_asked_for(browser: Browser) -> None:
    """It is sent with each request; a wrong one is rejected."""
    with (
        serve("--workers", "1", VAE_API_KEYS=KEY) as server,
        visiting(browser, server) as visit,
    ):
        page = visit.page
        page.goto(visit.url)
        page.get_by_label("API key").fill("wrong")
        page.get_by_role("button", name="Use key").click()
        expect(page.locator("#key-error")).to_have_text("This API key is not known.")
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Use key").click()
        panel = use(visit, "draw")
        panel.get_by_role("button", name="Copy as curl").click()

        assert KEY not in clipboard(page)
        assert page.evaluate("Object.keys(localStorage).length") == 0
        allow_messages(visit, "401")


def test_a_lost_server_is_reported_until_it_is_back(browser: Browser) -> None:
    """What was not answered is requested again."""
    with (
        serve("--workers", "1") as server,
        visiting(browser, server) as visit,
    ):
        panel = use(visit, "generate")
        visit.page.context.set_offline(True)
        panel.get_by_label("Pictures").fill("4")
        expect(visit.page.locator("#lost")).to_be_visible()
        visit.page.context.set_offline(False)
        expect(visit.page.locator("#lost")).to_be_hidden()
        expect(panel.locator("#sheet button")).to_have_count(4)
        settle(panel)
        allow_messages(visit, "ERR_INTERNET_DISCONNECTED")


def test_a_proxy_may_add_a_prefix(browser: Browser) -> None:
    """Files and requests have it."""
    with (
        serve("--workers", "1", "--root-path", "/vae") as server,
        browser.new_page() as page,
    ):
        prefix = f"http://{HOST}:{server.port}/vae/"
        page.route(
            "**/vae/**",
            lambda route: route.continue_(
                url=route.request.url.replace("/vae/", "/", 1)
            ),
        )
        page.goto(prefix)
        page.get_by_role("button", name="Sample 1").click()
        expect(page.locator("#reconstruction")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_panels_are_accessible_and_fit_their_window(
    browser: Browser,
    servers: dict[str, Server],
    node_modules: Path,
    tmp_path: Path,
    width: int,
    scheme: str,
) -> None:
    """axe-core finds no violation, and nothing is wider than the window."""
    axe = (node_modules / "axe-core" / "axe.min.js").read_text()
    options = {
        "viewport": {"width": width, "height": 900},
        "color_scheme": scheme,
        "reduced_motion": "reduce",
    }
    with visiting(browser, servers["mnist"], **options) as visit:
        page = visit.page
        for name in PANELS:
            use(visit, name)
            page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
            page.evaluate(axe)
            found = page.evaluate("axe.run().then(result => result.violations)")
            summary = [
                (each["id"], [node["html"] for node in each["nodes"]]) for each in found
            ]
            assert summary == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_model_is_chosen(browser: Browser, tmp_path: Path) -> None:
    """Of several; its requests have its name, also when they are copied."""
    shutil.copytree(MODEL, tmp_path / "mnist")
    write_color_model(tmp_path / "colors")
    flags = ("--workers", "1", "--models", str(tmp_path), "--default-model", "mnist")
    with serve(*flags) as server, visiting(browser, server) as visit:
        page = visit.page
        page.goto(visit.url)
        expect(page.locator("#title")).to_have_text("Handwritten digits")
        page.locator("#models").select_option("Flat colors")
        expect(page.locator("#title")).to_have_text("Flat colors")
        panel = use(visit, "generate")
        panel.get_by_role("button", name="Copy as curl").click()
        assert "/models/colors/generate" in clipboard(page)


def test_an_overloaded_service_is_asked_again(visit: Visit) -> None:
    """After the time that it names; until then, the problem's words are shown."""
    problem = {"title": "Overloaded", "status": 503, "detail": "the queue is full"}
    visit.page.route(
        "**/generate",
        lambda route: route.fulfill(
            status=503,
            headers={"Retry-After": "1", "Content-Type": "application/problem+json"},
            body=json.dumps(problem),
        ),
        times=1,
    )
    panel = open_panel(visit, "generate")
    expect(panel.locator(".lead + .error")).to_have_text("the queue is full")
    expect(panel.locator("#sheet img").first).to_be_visible()
    expect(panel.locator(".lead + .error")).to_be_empty()
    settle(panel)
    allow_messages(visit, "503")
