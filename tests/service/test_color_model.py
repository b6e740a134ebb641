"""Every operation follows the card of a model in color with classes by name."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from service.app import create_app
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.settings import Settings
from tests.color_model import (
    BACKGROUND,
    HEIGHT,
    LABELS,
    LATENT_SIZE,
    WIDTH,
    color_image,
    color_png,
    latent_of,
    write_color_model,
)
from tests.service.conftest import Client, Json

RED, BLUE, GREEN, YELLOW = LABELS.values()
NAMES = list(LABELS)
Colors = NDArray[np.int64]  # (..., height, width, 3)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Client of an application with the model in color."""
    folder = tmp_path_factory.mktemp("models") / "colors"
    write_color_model(folder)
    settings = Settings(workers=1, max_items=12, max_latent=10.0)
    return Client(create_app(settings, OnnxAutoencoder.load(folder)))


def colors_of(content: bytes | str, name: str = "PNG") -> Colors:
    """Return the frames (count, height, width, 3) of an RGB file, or of its base64."""
    file = base64.b64decode(content) if isinstance(content, str) else content
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == name
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
        return np.stack([np.asarray(frame, dtype=np.int64) for frame in frames])


def color_of(content: bytes | str) -> tuple[int, ...]:
    """Return the one color of a PNG of the model's size."""
    (frame,) = colors_of(content)
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert (frame == frame[0, 0]).all()
    return tuple(frame[0, 0].tolist())


def near(color: tuple[int, ...]) -> object:
    """Return an object that equals a color of about the same levels."""
    return pytest.approx(color, abs=1)


def test_images_are_encoded_and_decoded_in_color(client: Client) -> None:
    """The latent has the levels of all channels, and a PNG is RGB of 8 bits."""
    images = [color_png(color_image(color)) for color in (RED, BLUE)]
    encoded = client.operate("/encode", images=images)
    means = [posterior["mean"] for posterior in encoded["latents"]]
    decoded = client.operate("/decode", latents=means)["images"]

    assert np.array(means) == pytest.approx(
        np.array([latent_of(RED), latent_of(BLUE)]), abs=1e-5
    )
    assert [color_of(image) for image in decoded] == [near(RED), near(BLUE)]
    with Image.open(io.BytesIO(base64.b64decode(decoded[0]))) as image:
        assert image.mode == "RGB"


def test_quarters_keep_their_colors(client: Client) -> None:
    """Channels, rows and columns are not mixed up."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    corners = [(0, 0), (WIDTH // 2, 0), (0, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2)]
    for color, (left, top) in zip(LABELS.values(), corners, strict=True):
        image.paste(color, (left, top, left + WIDTH // 2, top + HEIGHT // 2))
    response = client.operate("/reconstruct", images=[color_png(image)])
    (frame,) = colors_of(response["images"][0])

    assert np.abs(frame - np.asarray(image, dtype=np.int64)).max() <= 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("L", (76, 76, 76)), ("P", RED), ("RGBA", RED), ("CMYK", RED)],
)
def test_every_mode_becomes_rgb(
    client: Client, mode: str, expected: tuple[int, ...]
) -> None:
    """Grey is the same in all channels."""
    image = color_image(RED).convert(mode)
    name = "JPEG" if mode == "CMYK" else "PNG"
    content = io.BytesIO()
    image.save(content, format=name)
    text = base64.b64encode(content.getvalue()).decode()
    (shown,) = client.operate("/reconstruct", images=[text])["images"]

    assert color_of(shown) == pytest.approx(expected, abs=3)


def test_another_size_is_fitted_as_the_card_says(client: Client) -> None:
    """It is padded with the background, which is also under transparent parts."""
    wide = Image.new("RGB", (4 * WIDTH, 2 * HEIGHT), RED)
    clear = Image.new("RGBA", (WIDTH, HEIGHT), (*RED, 0))
    options = {"images": [color_png(wide), color_png(clear)], "explain": True}
    response = client.operate("/reconstruct", **options)
    padded, blank = (colors_of(image)[0] for image in response["images"])
    resized = client.operate("/reconstruct", **options, fit="resize")["images"]

    assert response["fitted"][0]["scaled"] == [WIDTH, HEIGHT // 2]
    assert "cropped" not in response["fitted"][0]
    assert padded[0, 0] == pytest.approx(np.mean([RED, BACKGROUND], axis=0), abs=1)
    assert (blank == BACKGROUND).all()
    assert color_of(resized[0]) == near(RED)


def test_a_contact_sheet_is_in_color(client: Client) -> None:
    """Accept: image/png gives one RGB PNG; scale repeats its pixels."""
    latents = [latent_of(color).tolist() for color in LABELS.values()]
    response = client.request(
        "POST",
        "/decode",
        json={"latents": latents, "scale": 3},
        headers={"Accept": "image/png"},
    )
    (sheet,) = colors_of(response.content)

    assert response.headers["content-type"] == "image/png"
    assert sheet.shape == (6 * HEIGHT, 6 * WIDTH, 3)
    assert [tuple(sheet[0, 0]), tuple(sheet[0, -1])] == [near(RED), near(BLUE)]
    assert [tuple(sheet[-1, 0]), tuple(sheet[-1, -1])] == [near(GREEN), near(YELLOW)]


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("image/gif", "GIF"), ("image/webp", "WEBP"), ("image/apng", "PNG")],
)
def test_an_animation_is_in_color(client: Client, media_type: str, name: str) -> None:
    """From red to blue; the frames of all formats have the same colors as the PNGs."""
    body = {"start": {"label": "red"}, "end": {"label": "deep blue"}, "steps": 5}
    images = client.operate("/interpolate", **body)["images"]
    expected = np.concatenate([colors_of(image) for image in images])
    response = client.request(
        "POST", "/interpolate", json=body, headers={"Accept": media_type}
    )

    assert response.headers["content-type"] == media_type
    assert np.array_equal(colors_of(response.content, name), expected)
    assert [tuple(expected[index, 0, 0]) for index in (0, -1)] == [
        near(RED),
        near(BLUE),
    ]
    assert np.ptp(expected[2], axis=(0, 1)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("path", ["linear", "spherical", "even"])
def test_every_path_ends_at_the_classes(client: Client, path: str) -> None:
    """Their means are the ends."""
    waypoints = [{"label": name} for name in ("Grün", "7", "red")]
    response = client.operate("/interpolate", waypoints=waypoints, steps=3, path=path)
    shown = [color_of(image) for image in response["images"]]

    assert [shown[0], shown[2], shown[4]] == [near(GREEN), near(YELLOW), near(RED)]


def test_images_are_generated_by_label(client: Client) -> None:
    """Names are used in turn; 7 is the class that is called 7, not the eighth."""
    response = client.operate(
        "/generate", label=["Grün", 7], count=3, temperature=0, seed=1
    )
    shown = [color_of(image) for image in response["images"]]

    assert response["labels"] == ["Grün", "7", "Grün"]
    assert shown == [near(GREEN), near(YELLOW), near(GREEN)]
    assert len(client.operate("/generate", source="prior")["latents"][0]) == LATENT_SIZE


def test_latents_are_added_and_varied_in_color(client: Client) -> None:
    """Red, minus red, plus blue is blue; one dimension is one channel of a quarter."""
    terms = [
        {"weight": 1, "image": color_png(color_image(RED))},
        {"weight": -1, "label": "red"},
        {"weight": 1, "label": "deep blue"},
    ]
    total = client.operate("/arithmetic", terms=terms, clip=False)
    varied = client.operate(
        "/traverse",
        start={"label": "red"},
        dimensions=[4],
        range=[0, 4],
        steps=2,
    )
    first, last = (colors_of(image)[0] for image in varied["images"])

    assert color_of(total["images"][0]) == near(BLUE)
    assert (first == RED).all()
    assert (last[0, 0] == (255, 255, 0)).all()
    assert (last[0, -1] == RED).all()
    assert (last[-1] == RED).all()


def test_scores_have_label_and_probabilities_by_name(client: Client) -> None:
    """Each flat image is surely of its class, and reconstructed without error."""
    images = [color_png(color_image(color)) for color in LABELS.values()]
    scores = client.operate("/score", images=images)["scores"]
    likelihood = -0.5 * np.log(2 * np.pi * 0.01) * 3 * HEIGHT * WIDTH

    assert [score["label"] for score in scores] == NAMES
    for score in scores:
        assert list(score["probabilities"]) == NAMES
        assert score["probabilities"][score["label"]] > 0.999
        assert sum(score["probabilities"].values()) == pytest.approx(1)
        assert score["squared_error"] == pytest.approx(0, abs=1e-4)
        elbo = likelihood - score["kl_divergence"]
        assert score["elbo"] == pytest.approx(elbo, abs=0.01)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/generate", {"label": "blue"}, "#/label"),
        ("/generate", {"label": ["red", 8]}, "#/label/1"),
        ("/traverse", {"start": {"label": 0}, "dimensions": 0}, "#/start/label"),
    ],
)
def test_an_unknown_label_is_rejected_with_the_known_ones(
    client: Client, path: str, body: Json, pointer: str
) -> None:
    """The message names the field, the names and the value."""
    (error,) = client.invalid(path, json=body)["errors"]

    assert error["pointer"] == pointer
    assert error["detail"].startswith("must be one of red, deep blue, Grün, 7; is ")


def test_an_image_of_another_size_is_rejected_with_the_models(client: Client) -> None:
    """If nothing may be fitted."""
    body = {"images": [color_png(color_image(RED).rotate(90, expand=True))]}
    (error,) = client.invalid("/encode", json=body | {"fit": "none"})["errors"]

    assert error["detail"].startswith("20 x 24 pixels; the model takes 24 x 20")


def find(document: object, matches: Callable[[str], bool]) -> list[str]:
    """Return all texts in a JSON document that match, but none in base64."""
    if isinstance(document, dict):
        texts = [text for key in document for text in find(key, matches)]
        return texts + [
            text for value in document.values() for text in find(value, matches)
        ]
    if isinstance(document, list):
        return [text for value in document for text in find(value, matches)]
    if isinstance(document, str) and " " in document and matches(document):
        return [document]
    return []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/openapi.json", "/docs"])
def test_the_documentation_speaks_of_no_other_data(client: Client, path: str) -> None:
    """No digits, ink or MNIST; the examples have this model's labels."""
    response = client.get(path)
    if path == "/docs":
        text = response.text.lower()
        assert "digit" not in text.replace("isdigit", "")
        return
    document = response.json()
    examples = document["paths"]["/generate"]["post"]["requestBody"]["content"][
        "application/json"
    ]["examples"]
    titles = json.dumps(examples, ensure_ascii=False)

    words = ("digit", "mnist", "handwrit", "ink on", "grey")
    card_schemas = ("ImageFit", "ImageDescription")
    for name in card_schemas:
        del document["components"]["schemas"][name]
    assert find(document, lambda text: any(word in text.lower() for word in words)) == (
        []
    )
    assert "class 7" in titles
    assert "24 x 20 pixels in sRGB" in document["info"]["description"]


def test_the_schema_has_the_labels_and_their_numerals(client: Client) -> None:
    """Generators of clients get the names alone, which may always be sent."""
    complete = client.get("/docs/openapi.json").json()["components"]["schemas"]
    plain = client.get("/openapi.json").json()["components"]["schemas"]

    assert complete["Label"]["anyOf"] == [
        {"type": "string", "enum": NAMES},
        {"type": "integer", "enum": [7]},
    ]
    assert plain["Label"]["enum"] == NAMES
    assert plain["Label"]["type"] == "string"
    assert "anyOf" not in plain["Label"]


def test_tensors_have_the_models_shape(client: Client) -> None:
    """The Open Inference Protocol has three channels."""
    metadata = client.get("/v2/models/encoder").json()
    red = np.asarray(color_image(RED), dtype=np.float32).transpose(2, 0, 1) / 255
    tensor = {
        "name": "pixels",
        "shape": [1, 3, HEIGHT, WIDTH],
        "datatype": "FP32",
        "data": red.ravel().tolist(),
    }
    response = client.operate("/v2/models/encoder/infer", inputs=[tensor])
    mean, _ = response["outputs"]

    assert metadata["inputs"][0]["shape"] == [-1, 3, HEIGHT, WIDTH]
    assert mean["data"] == pytest.approx(latent_of(RED).tolist(), abs=1e-5)


def test_the_card_is_served_as_it_is_written(client: Client, tmp_path: Path) -> None:
    """With all its fields."""
    write_color_model(tmp_path)

    assert client.get("/model").json() == json.loads(
        (tmp_path / "model.json").read_text()
    )


def test_a_spot_is_found_and_shown(client: Client) -> None:
    """The inspector's graph maps it; the rest of the picture is as it was."""
    image = color_image(LABELS["red"])
    good = color_png(image)
    image.paste((0, 0, 255), (3, 4, 6, 6))
    bad = color_png(image)
    inspections = client.operate("/inspect", images=[good, bad])["inspections"]
    body = {"images": [bad]}
    headers = {"Accept": "image/png"}
    picture = client.request("POST", "/inspect", json=body, headers=headers)
    (shown,) = colors_of(picture.content)
    changed = (shown != np.asarray(image)).any(axis=2)
    rows, columns = np.nonzero(changed)

    assert [inspection["anomalous"] for inspection in inspections] == [False, True]
    assert not inspections[0]["regions"]
    assert [region["box"] for region in inspections[1]["regions"]] == [[3, 4, 6, 6]]
    assert {*rows.tolist()} == {4, 5}
    assert {*columns.tolist()} == {3, 4, 5}
