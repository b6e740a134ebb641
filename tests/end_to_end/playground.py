"""Actions of a person on the playground."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.conftest import find_program
from tests.end_to_end.browser import HOST, TIMEOUT_MS, Visit

PANELS = ("draw", "inspect", "latent", "walk", "generate", "map", "model")
SEVEN = ((0.28, 0.25), (0.72, 0.25), (0.45, 0.8))  # as shares of the pad
expect.set_options(timeout=TIMEOUT_MS)


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
