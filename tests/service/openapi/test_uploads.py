"""Images and forms in the document of the documentation page."""

import pytest

from service.api.uploads import UPLOAD_TYPES
from tests.service.conftest import Client

SAMPLES = ["sample", "samples", "seed"]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/encode", ["fit", "explain", *SAMPLES, "encoding"]),
        ("/reconstruct", ["fit", "explain", *SAMPLES, "scale", "inputs"]),
    ],
)
def test_images_without_json_are_described(
    client: Client, path: str, options: list[str]
) -> None:
    """They are bodies of each format, and forms; options are in the query."""
    schema = client.get("/docs/openapi.json").json()
    operation = schema["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    parameters = operation["parameters"]
    form = content["multipart/form-data"]["schema"]

    upload_types = {name.decode() for name in UPLOAD_TYPES}
    samples = parameters[options.index("samples")]
    assert set(content) == {"application/json"} | upload_types
    assert [parameter["name"] for parameter in parameters] == options
    assert samples["description"].startswith("Number of samples of each image")
    assert set(form["properties"]) == {"images", *options}
    assert form["properties"]["images"]["maxItems"] == 12
