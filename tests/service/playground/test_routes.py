"""The playground: its page, its files, and who gets them."""

import gzip
import re

import pytest

from service.app import create_app
from service.playground.files import FOLDER, PAGE_FILE, PlaygroundFiles
from service.playground.routes import page_response
from service.settings import Settings
from tests.samples import FakeAutoencoder
from tests.service.conftest import Client

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
GZIP = {"Accept-Encoding": "gzip"}
MAX_BYTES = 60_000  # of all files, compressed
KEY = "a-key-of-some-length"


def page_of(client: Client) -> str:
    """Return the page as a browser gets it."""
    response = client.request("GET", "/", headers=BROWSER)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def base_of(page: str) -> str:
    """Return the address of the files that a page loads."""
    found = re.search(r'src="(.*)/app\.js"', page)
    assert found
    return found[1]


def changed(settings: Settings, **values: object) -> Client:
    """Return a client of an application with other settings."""
    settings = settings.model_copy(update=values)
    return Client(create_app(settings, FakeAutoencoder()))


def test_the_policy_of_the_page_allows_nothing_inline(client: Client) -> None:
    """Scripts, styles and connections are the service's own."""
    response = client.request("GET", "/", headers=BROWSER)
    policy = response.headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["cache-control"] == "no-store"


def test_files_are_cached_for_ever_under_their_hash(client: Client) -> None:
    """Another hash or name is a problem."""
    base = f"/{base_of(page_of(client))}"
    for path in FOLDER.iterdir():
        if path.name != PAGE_FILE:
            response = client.get(f"{base}/{path.name}")
            assert response.content == path.read_bytes()
            assert response.headers["cache-control"].endswith("immutable")

    client.problem(404, "not-found", "GET", f"{base}/index.html")
    client.problem(404, "not-found", "GET", f"{base}/../app.js")
    client.problem(404, "not-found", "GET", "/playground/0123456789abcdef/app.js")


def test_all_files_take_at_most_60_kilobytes(client: Client) -> None:
    """Compressed, as they are sent; the page is counted as it is."""
    page = page_of(client)
    sizes = [len(page.encode())]
    for path in FOLDER.iterdir():
        if path.name != PAGE_FILE:
            file = f"/{base_of(page)}/{path.name}"
            response = client.request("GET", file, headers=GZIP)
            assert response.headers["content-encoding"] == "gzip"
            sizes.append(len(gzip.compress(response.content)))

    assert sum(sizes) <= MAX_BYTES


def test_nothing_is_loaded_from_other_servers() -> None:
    """No file has an address of another host, except XML's namespace."""
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[\w./-]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_page_has_no_inline_scripts_and_styles() -> None:
    """The policy would block them."""
    page = (FOLDER / PAGE_FILE).read_text(encoding="utf-8")

    assert re.findall(r"<script[^>]*>(.*?)</script>", page) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


def test_programs_get_an_index_at_the_same_path(client: Client) -> None:
    """It is JSON, unless HTML is preferred."""
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        response = client.request("GET", "/", headers=headers)
        assert response.json()["documentation"] == "/docs"


def test_the_page_needs_no_key_but_the_index_does(settings: Settings) -> None:
    """The page asks for the key; it contains nothing about the model."""
    client = changed(settings, api_keys=Settings(api_keys=KEY).api_keys)
    page = page_of(client)

    assert client.get(f"/{base_of(page)}/app.js").status_code == 200
    client.problem(401, "unauthorized", "GET", "/")
    client.problem(401, "unauthorized", "GET", "/model")
    client.problem(401, "unauthorized", "GET", "//model")
    with_key = client.request("GET", "/", headers={"X-API-Key": KEY})
    assert with_key.json()["model"]


@pytest.mark.parametrize(
    ("root", "start"), [("", "playground/"), ("/vae", "/vae/playground/")]
)
def test_the_files_have_the_prefix_of_a_proxy(root: str, start: str) -> None:
    """Without a known one, the address is relative."""
    response = page_response(PlaygroundFiles.load(), root)

    assert base_of(bytes(response.body).decode()).startswith(start)


def test_the_playground_can_be_turned_off(settings: Settings) -> None:
    """Browsers are sent to the documentation, as programs that follow the index."""
    client = changed(settings, playground=False)
    response = client.request("GET", "/", headers=BROWSER)

    assert response.status_code == 307
    assert response.headers["location"] == "/docs"
    client.problem(404, "not-found", "GET", "/playground/0123456789abcdef/app.js")
