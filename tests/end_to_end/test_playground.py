"""The playground's panels, used as a person would, in a real browser."""

import base64
import csv
import shutil
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Request, expect

from tests.end_to_end.browser import LOCAL_HOST, Visit
from tests.end_to_end.playground import (
    allow_messages,
    draw,
    open_panel,
    run_copied,
    settle,
    use,
)
from tests.end_to_end.server import Server
from tests.samples import REPOSITORY

MAP = "document.querySelector('#inspect-map').toDataURL()"


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
    content = drawn.partition(",")[2]
    last = [body for body in bodies if '"explain"' in body][-1]
    assert content in last


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


def write_unusual(path: Path) -> None:
    """Write a picture that neither model has seen the like of: a square with a hole."""
    image = Image.new("L", (280, 280))
    image.paste(255, (50, 50, 230, 230))
    image.paste(0, (110, 80, 200, 170))
    image.save(path)


def test_an_anomaly_is_found_and_shown(any_visit: Visit, tmp_path: Path) -> None:
    """A sample is good; a picture of something else is not, at any rate."""
    write_unusual(tmp_path / "unusual.png")
    panel = use(any_visit, "inspect")
    verdict = panel.locator("#inspect-verdict")
    expect(verdict).to_have_text("Nothing unusual")
    before = any_visit.page.evaluate(MAP)
    panel.locator("#inspect-files").set_input_files(tmp_path / "unusual.png")
    expect(verdict).to_have_text("Anomalous")
    settle(panel)
    assert any_visit.page.evaluate(MAP) != before
    slider = panel.get_by_label("False-alarm rate")
    slider.focus()
    slider.press("End")
    expect(panel.locator("#inspect-rate-text")).to_have_text("50 %")
    settle(panel)
    expect(verdict).to_have_text("Anomalous")


def test_a_folder_is_inspected(any_visit: Visit, tmp_path: Path) -> None:
    """The highest scores first; a file that is no picture has the problem's words."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_unusual(folder / "unusual.png")
    shutil.copy(REPOSITORY / "docs" / "seven.png", folder)
    (folder / "notes.txt").write_text("no picture")
    panel = use(any_visit, "inspect")
    panel.locator("#inspect-folder").set_input_files(folder)
    rows = panel.locator("#inspect-rows tr")
    expect(rows).to_have_count(3)
    settle(panel)
    expect(rows.last).to_contain_text("notes.txt")
    expect(rows.last).to_contain_text("not a PNG")
    expect(rows.first).to_contain_text("anomalous")
    second = rows.nth(1).get_by_role("button")
    second.click()
    expect(panel.locator("#inspect-text")).to_contain_text(second.inner_text())
    with any_visit.page.expect_download() as download:
        panel.get_by_role("button", name="Save as CSV").click()
    path = tmp_path / "inspections.csv"
    download.value.save_as(path)
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 3
    scores = [float(row["score"]) for row in table[:2]]
    assert scores == sorted(scores, reverse=True)
    assert [row["error"][:9] for row in table] == ["", "", "images[0]"]
    allow_messages(any_visit, "422")
