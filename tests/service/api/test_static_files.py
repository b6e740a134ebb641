"""Static files: ranges, and errors."""

import pytest

from tests.service.conftest import Client

PATH = "/docs-assets/swagger-ui.css"


@pytest.mark.parametrize("value", ["bytes=zz", "bytes=5-2", "lines=1-2", "bytes", ""])
def test_an_invalid_range_is_a_problem(client: Client, value: str) -> None:
    """It is not plain text, which Starlette would send."""
    problem = client.problem(400, "bad-request", "GET", PATH, headers={"Range": value})

    assert problem["detail"] == "Range must be bytes=FIRST-LAST"


def test_a_range_beyond_the_file_is_a_problem(client: Client) -> None:
    """Its detail and Content-Range have the size of the file."""
    size = len(client.get(PATH).content)
    headers = {"Range": "bytes=99999999-"}
    problem = client.problem(416, "range-not-satisfiable", "GET", PATH, headers=headers)
    response = client.request("GET", PATH, headers=headers)

    assert problem["detail"] == f"Range must begin within the file: bytes */{size}"
    assert response.headers["content-range"] == f"bytes */{size}"


def test_a_range_of_a_file_is_sent(client: Client) -> None:
    """The status is 206."""
    whole = client.get(PATH)
    part = client.request("GET", PATH, headers={"Range": "bytes=2-5"})

    assert part.status_code == 206
    assert part.content == whole.content[2:6]
