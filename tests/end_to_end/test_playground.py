"""The playground, used as a person would, in a real browser that reaches nothing else.

Screenshots are in pytest's folder for temporary files; ``--basetemp`` chooses it.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.color_model import write_color_model
from tests.conftest import find_program
from tests.end_to_end.browser import HOST, LOCAL_HOST, TIMEOUT_MS, Visit, visiting
from tests.end_to_end.server import Server, serve
from tests.samples import REPOSITORY

KEY = "a-key-of-some-length"
MODELS = ("mnist", "colors")
PANELS = ("draw", "latent", "walk", "generate", "map", "model")
SEVEN = ((0.28, 0.25), (0.72, 0.25), (0.45, 0.8))  # as shares of the pad
expect.set_options(timeout=TIMEOUT_MS)


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


def open_panel(visit: Visit, name: str) -> Locator:
    """Go to a panel by its link."""
    if visit.page.url == "about:blank":
        visit.page.goto(visit.url)
    visit.page.locator(f"nav a[href='#{name}']").click()
    panel = visit.page.locator(f"#{name}")
    expect(panel).to_be_visible()
    return panel


def draw(page: Page) -> None:
    """Draw a seven with the mouse."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    points = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN
    ]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def settle(panel: Locator) -> None:
    """Wait until no request of a panel is in flight, and its programs are offered."""
    expect(panel.locator(".program")).to_be_visible()
    expect(panel).to_have_attribute("aria-busy", "false")


def use(visit: Visit, name: str) -> Locator:
    """Open a panel, and do what makes it show something."""
    panel = open_panel(visit, name)
    if name == "draw":
        panel.get_by_role("button", name="Sample 1").click()
    settle(panel)
    return panel


def allow_messages(visit: Visit, text: str) -> None:
    """Accept what Chromium itself reports on its console, such as a status of 422."""
    assert [message for message in visit.messages if text not in message] == []
    visit.messages.clear()


def clipboard(page: Page) -> str:
    """Return the text of the clipboard, pasted into a field."""
    page.evaluate("document.body.append(document.createElement('textarea'))")
    area = page.locator("textarea")
    area.focus()
    page.keyboard.press("Control+V")
    text = area.input_value()
    area.evaluate("area => area.remove()")
    return text


def documents(text: str) -> list[Any]:
    """Parse several JSON documents, one after another."""
    decoder = json.JSONDecoder()
    found = []
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def run_copied(panel: Locator, name: str, folder: Path) -> list[Any]:
    """Copy a panel's requests as a program, run it, and return the responses."""
    panel.get_by_role("button", name=f"Copy as {name}").click()
    expect(panel.page.locator("#announcer")).to_have_text(f"Copied as {name}.")
    program = clipboard(panel.page).replace(HOST, "127.0.0.1")
    if name == "curl":
        find_program("curl", "curl")
        command = ["bash", "-c", program]
    else:
        command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=folder
    )
    return documents(done.stdout)


def test_a_drawn_digit_is_reconstructed_and_read(visit: Visit) -> None:
    """Its reconstruction, likelihood and label are shown, and how it was fitted."""
    panel = open_panel(visit, "draw")
    draw(visit.page)

    expect(panel.locator("#bars .best")).to_contain_text("7")
    settle(panel)
    expect(panel.locator("#reconstruction")).to_be_visible()
    expect(panel.locator("#fitted")).to_contain_text("cropped")
    expect(panel.locator("#likelihood dd")).to_have_count(3)
    panel.get_by_role("button", name="Clear").click()
    expect(panel.locator("#reconstruction")).to_be_hidden()


def test_the_last_stroke_wins(visit: Visit) -> None:
    """What is shown is the whole drawing, with one request in flight at a time."""
    panel = open_panel(visit, "draw")
    in_flight = [0]
    bodies: list[str] = []

    def begin(request: Request) -> None:
        if request.method == "POST":
            in_flight.append(in_flight[-1] + 1)
            bodies.append(request.post_data or "")

    def end(request: Request) -> None:
        if request.method == "POST":
            in_flight.append(in_flight[-1] - 1)

    visit.page.on("request", begin)
    visit.page.on("requestfinished", end)
    draw(visit.page)
    expect(panel.locator("#bars .best")).to_contain_text("7")
    settle(panel)
    drawn = visit.page.evaluate("document.querySelector('#pad').toDataURL()")

    assert max(in_flight) == 1
    assert drawn.partition(",")[2] in bodies[-1]


def test_the_keyboard_draws(visit: Visit) -> None:
    """Space lowers the pen, arrows move it."""
    panel = open_panel(visit, "draw")
    panel.locator("#pad").focus()
    for key in ("Space", *["ArrowDown"] * 20, "Space"):
        visit.page.keyboard.press(key)

    expect(panel.locator("#bars .best")).to_contain_text("1")
    settle(panel)
    allow_messages(visit, "422")  # a first dot is no drawing


def test_a_file_is_chosen(any_visit: Visit) -> None:
    """A picture of any size; the original is sent, not what the page shows."""
    panel = open_panel(any_visit, "draw")
    with any_visit.page.expect_request("**/reconstruct") as sent:
        panel.locator("#file").set_input_files(REPOSITORY / "docs" / "two.png")
    settle(panel)
    content = (REPOSITORY / "docs" / "two.png").read_bytes()

    assert base64.b64encode(content).decode() in (sent.value.post_data or "")
    expect(panel.locator("#reconstruction")).to_be_visible()


def hand_over(panel: Locator, event: str) -> None:
    """Drop or paste a picture, as the browser reports it."""
    content = (REPOSITORY / "docs" / "seven.png").read_bytes()
    panel.locator("#drop").evaluate(
        """(place, [event, text]) => {
          const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], "seven.png", { type: "image/png" }));
          const name = event === "drop" ? "dataTransfer" : "clipboardData";
          const options = { bubbles: true, [name]: data };
          const kind = event === "drop" ? DragEvent : ClipboardEvent;
          place.dispatchEvent(new kind(event, options));
        }""",
        [event, base64.b64encode(content).decode()],
    )


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(visit: Visit, event: str) -> None:
    """It is read as a chosen file."""
    panel = open_panel(visit, "draw")
    hand_over(panel, event)

    expect(panel.locator("#bars .best")).to_contain_text("7")
    settle(panel)


def test_the_camera_takes_a_picture(
    browser: Browser, servers: dict[str, Server]
) -> None:
    """Browsers offer cameras only to this machine's pages, or with TLS."""
    with browser.new_page() as page:
        page.goto(f"http://{LOCAL_HOST}:{servers['colors'].port}")
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Take the picture").click()
        expect(page.locator("#reconstruction")).to_be_visible()


def test_the_picture_follows_a_slider(any_visit: Visit) -> None:
    """It is decoded from what the sliders say; the start can be restored."""
    panel = use(any_visit, "latent")
    picture = panel.locator("#latent-picture")
    before = picture.get_attribute("src") or ""
    slider = panel.get_by_role("slider").first
    slider.focus()
    slider.press("End")
    expect(picture).not_to_have_attribute("src", before)
    settle(panel)
    panel.get_by_role("button", name="Back to the start").click()
    expect(picture).to_have_attribute("src", before)


def test_the_latent_of_the_drawing_is_explored(visit: Visit) -> None:
    """The first picture is the drawing's reconstruction."""
    panel = use(visit, "draw")
    shown = panel.locator("#reconstruction").get_attribute("src") or ""
    panel.get_by_role("button", name="Explore its latent").click()

    expect(visit.page.locator("#latent-start option:checked")).to_have_text(
        "Your picture"
    )
    expect(visit.page.locator("#latent-picture")).to_have_attribute("src", shown)


def test_all_dimensions_have_sliders(visit: Visit) -> None:
    """Those with most information come first."""
    panel = use(visit, "latent")
    expect(panel.get_by_role("slider")).to_have_count(12)
    panel.get_by_label("Show all 32").check()
    expect(panel.get_by_role("slider")).to_have_count(32)


def test_a_walk_is_played_and_saved(any_visit: Visit, tmp_path: Path) -> None:
    """Through three stops and back; as an animation and as one picture."""
    page = any_visit.page
    panel = use(any_visit, "walk")
    panel.get_by_role("button", name="Pause").click()
    panel.locator("#walk-add").select_option("Label 7")
    panel.get_by_role("button", name="Add").click()
    panel.get_by_label("Frames from stop to stop").fill("4")
    panel.get_by_label("Return to the first stop").check()
    expect(panel.locator("#walk-film img")).to_have_count(9)
    frame = panel.get_by_label("Frame", exact=True)
    frame.focus()
    frame.press("End")
    expect(panel.locator("#walk-picture")).to_have_attribute("alt", "Frame 9 of 9")
    for kind, frames in (("GIF", 9), ("PNG", 1)):
        with page.expect_download() as download:
            panel.get_by_role("button", name=f"Save as {kind}").click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        with Image.open(path) as image:
            assert image.format == kind
            assert getattr(image, "n_frames", 1) == frames
    by_copy = tmp_path / "picture.png"
    saved = path.read_bytes()
    path.unlink()
    assert run_copied(panel, "curl", tmp_path) == []
    assert by_copy.read_bytes() == saved


def test_a_point_of_the_map_is_decoded_and_pinned(any_visit: Visit) -> None:
    """By pointer and by keyboard."""
    panel = use(any_visit, "map")
    picture = panel.locator("#map-picture")
    before = picture.get_attribute("src") or ""
    plot = panel.locator("#map-plot")
    plot.hover(position={"x": 40, "y": 60})
    expect(picture).not_to_have_attribute("src", before)
    settle(panel)
    plot.click(position={"x": 40, "y": 60})
    plot.press("ArrowRight")
    plot.press("Enter")
    expect(any_visit.page.locator("#pins").get_by_role("button")).to_have_count(2)


def test_the_card_is_shown(any_visit: Visit) -> None:
    """Nothing speaks of digits unless the classes are digits."""
    panel = use(any_visit, "model")
    text = any_visit.page.locator("body").inner_text().lower()
    is_mnist = "handwritten" in text

    assert ("digit" in text) == is_mnist
    assert panel.locator("#model-labels li").count() == (10 if is_mnist else 4)


def test_generated_pictures_follow_the_form(any_visit: Visit) -> None:
    """Number and label; pictures can be pinned and removed again."""
    panel = use(any_visit, "generate")
    panel.get_by_label("7", exact=True).check(force=True)
    panel.get_by_label("Pictures").fill("5")
    sheet = panel.locator("#sheet").get_by_role("button", name="New 7")
    expect(sheet).to_have_count(5)
    sheet.first.click()
    pins = any_visit.page.locator("#pins")
    expect(pins.get_by_role("button")).to_have_count(1)
    pins.get_by_role("button").click()
    expect(pins).to_be_hidden()


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
    assert by_curl == shown[-len(by_curl) :]


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
