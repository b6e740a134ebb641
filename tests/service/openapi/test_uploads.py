"""Images and forms in the document of the documentation page."""

import pytest

from service.api.uploads import UPLOAD_TYPES
from tests.service.conftest import Client

SAMPLES = ["sample", "samples", "seed"]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/encode", ["fit", "explain", *SAMPLES, "encoding"]),
        ("/reconstruct", ["fit", "explain", *SAMPLES, "scale"]),
    ],
)
def test_pictures_without_json_are_described(
    client: Client, path: str, options: list[str]
) -> None:
    """As a body of each format, and as a form; all options are query parameters."""
    document = client.get("/docs/openapi.json").json()
    operation = document["paths"][path]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert set(operation["requestBody"]["content"]) == {
        "application/json",
        *(name.decode() for name in UPLOAD_TYPES),
    }
    assert [parameter["name"] for parameter in operation["parameters"]] == options
    assert operation["parameters"][options.index("samples")]["description"].startswith(
        "Number of samples of each image"
    )
    assert set(form["properties"]) == {"images", *options}
    assert form["properties"]["images"]["maxItems"] == 12
