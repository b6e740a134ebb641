"""Static files: ranges, and errors."""

import pytest

from tests.service.api.test_errors import problem
from tests.service.conftest import Client

PATH = "/docs-assets/swagger-ui.css"


@pytest.mark.parametrize("value", ["bytes=zz", "bytes=5-2", "lines=1-2", "bytes", ""])
def test_a_range_that_is_none_is_a_problem(client: Client, value: str) -> None:
    """Not plain text, as Starlette answers it."""
    body = problem(client, 400, "bad-request", "GET", PATH, headers={"Range": value})

    assert body["detail"] == "Range must be bytes=FIRST-LAST"


def test_a_range_beyond_the_file_is_a_problem(client: Client) -> None:
    """It says how large the file is, in the body and in Content-Range."""
    size = len(client.get(PATH).content)
    headers = {"Range": "bytes=99999999-"}
    body = problem(client, 416, "range-not-satisfiable", "GET", PATH, headers=headers)
    response = client.request("GET", PATH, headers=headers)

    assert body["detail"] == f"Range must begin within the file: bytes */{size}"
    assert response.headers["content-range"] == f"bytes */{size}"


def test_a_part_of_a_file_is_given(client: Client) -> None:
    """As any static file server does."""
    whole = client.get(PATH)
    part = client.request("GET", PATH, headers={"Range": "bytes=2-5"})

    assert (part.status_code, part.content) == (206, whole.content[2:6])
