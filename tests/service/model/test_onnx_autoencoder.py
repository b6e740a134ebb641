"""A model folder is opened only when it is complete and fits its card."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.model import onnx_autoencoder
from service.model.autoencoder import Floats, check_inference
from service.model.errors import InferenceError, ModelLoadError
from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.large_model import write_large_model
from tests.models import (
    DAMAGES,
    Damage,
    edit_card,
    set_batch_axis,
    store_weights_externally,
)
from tests.samples import MODEL, REPOSITORY, FakeAutoencoder

WEIGHTS_FILE = "weights.data"


@pytest.fixture(scope="module")
def model() -> OnnxAutoencoder:
    """The model in the repository."""
    return OnnxAutoencoder.load(MODEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the model, to be damaged."""
    return shutil.copytree(MODEL, tmp_path / "mnist")


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    path = tmp_path / "working"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def test_a_batch_equals_one_by_one(
    model: OnnxAutoencoder, random: np.random.Generator
) -> None:
    """An image's latent and reconstruction do not depend on the rest of its batch."""
    pixels = random.integers(0, 256, size=(5, 1, 28, 28), dtype=np.uint8)
    batch = model.encode(pixels)
    single = [model.encode(pixels[i : i + 1]) for i in range(5)]

    assert np.allclose(
        batch.mean, np.concatenate([posterior.mean for posterior in single]), atol=1e-5
    )
    assert np.allclose(
        batch.log_variance, np.concatenate([p.log_variance for p in single]), atol=1e-5
    )
    decoded = np.concatenate([model.decode(posterior.mean) for posterior in single])
    assert decoded.shape == pixels.shape
    assert np.allclose(model.decode(batch.mean), decoded, atol=1e-5)


def test_pixels_may_lie_between_two_grey_levels(
    model: OnnxAutoencoder, random: np.random.Generator
) -> None:
    """Floats in [0, 1] are not rounded; those of grey levels equal the grey levels."""
    grey = random.integers(0, 255, size=(5, 1, 28, 28), dtype=np.uint8)
    floats = grey.astype(np.float32) / np.float32(255)
    # Rounded, these would be the grey levels below.
    between = floats + np.float32(0.4 / 255)

    assert np.array_equal(model.encode(floats).mean, model.encode(grey).mean)
    assert np.abs(model.encode(between).mean - model.encode(grey).mean).max() > 1e-3


def test_a_latent_of_the_wrong_length_is_an_inference_error(
    model: OnnxAutoencoder,
) -> None:
    """ONNX Runtime's own errors do not leave the module."""
    with pytest.raises(InferenceError, match="ONNX Runtime"):
        model.decode(np.zeros((1, 3), dtype=np.float32))


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_an_invalid_folder_is_refused_in_one_line(
    folder: Path, damage: Damage, message: str
) -> None:
    """Missing, damaged, swapped or foreign: the message names the file."""
    damage(folder)
    with pytest.raises(ModelLoadError, match=message) as error:
        OnnxAutoencoder.load(folder)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("axis", ["N", "batch_size", "s77", ""])
def test_the_batch_axis_may_have_any_name_or_none(
    folder: Path, model: OnnxAutoencoder, axis: str
) -> None:
    """Exporters other than ours name it as they like."""
    for name in ("encoder", "decoder"):
        set_batch_axis(folder, name, axis=axis)
    other = OnnxAutoencoder.load(folder)
    latents = np.ones((3, 32), np.float32)

    assert np.array_equal(other.decode(latents), model.decode(latents))


@pytest.mark.parametrize("place", ["working folder", "beside the model"])
@pytest.mark.parametrize("relative", [False, True])
def test_external_data_is_refused_although_its_file_exists(
    folder: Path,
    working_folder: Path,
    place: str,
    relative: bool,  # noqa: FBT001 - a case
) -> None:
    """ONNX Runtime itself would read it from the working folder, unhashed."""
    weights = store_weights_externally(folder, WEIGHTS_FILE)
    data_folder = working_folder if place == "working folder" else folder
    (data_folder / WEIGHTS_FILE).write_bytes(weights)
    named = Path("..", folder.name) if relative else folder

    with pytest.raises(ModelLoadError, match="stores weights in another") as error:
        OnnxAutoencoder.load(named)

    assert str(error.value).startswith(f"{named / 'encoder.onnx'} ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "location",
    ["../mnist/weights.data", "../decoder.onnx", "./../encoder.onnx", "..", ""],
)
def test_external_data_in_any_other_place_is_refused(
    folder: Path,
    working_folder: Path,
    capfd: pytest.CaptureFixture[str],
    location: str,
) -> None:
    """Paths that leave the folder, too; nothing is printed to stdout."""
    weights = store_weights_externally(folder, location)
    (folder / WEIGHTS_FILE).write_bytes(weights)
    (working_folder / WEIGHTS_FILE).write_bytes(weights)

    with pytest.raises(ModelLoadError, match="stores weights in another"):
        OnnxAutoencoder.load(folder)

    assert not capfd.readouterr().out


def test_the_model_works_without_assertions_and_docstrings() -> None:
    """With ``python -OO``, too."""
    program = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from service.model.onnx_autoencoder import OnnxAutoencoder\n"
        "assert False, 'assertions are off'\n"
        "model = OnnxAutoencoder.load(Path('models/mnist'))\n"
        "images = np.zeros((3, *model.card.image_shape), np.uint8)\n"
        "print(model.decode(model.encode(images).mean).shape)\n"
    )
    command = [sys.executable, "-OO", "-c", program]
    run = subprocess.run(
        command, cwd=REPOSITORY, check=True, capture_output=True, text=True
    )

    assert run.stdout == "(3, 1, 28, 28)\n"


def test_a_folder_without_statistics_is_a_model(folder: Path) -> None:
    """Its classes are not known."""
    edit_card(folder, lambda card: card.pop("statistics"))
    (folder / "statistics.npz").unlink()

    assert OnnxAutoencoder.load(folder).statistics.class_numbers == []


@pytest.mark.parametrize(
    "decoded",
    [
        np.full((2, 1, 2, 3), np.nan, np.float32),
        np.zeros((1, 1, 2, 3), np.float32),
        np.zeros((2, 2, 3), np.float32),
    ],
)
def test_a_model_whose_test_inference_is_not_two_images_is_refused(
    autoencoder: FakeAutoencoder, decoded: Floats
) -> None:
    """Values that are not finite, one image for two, or no channel axis."""
    autoencoder.decode = lambda latents: decoded  # type: ignore[method-assign]  # noqa: ARG005

    with pytest.raises(InferenceError, match="pixels"):
        check_inference(autoencoder)


def test_large_batches_are_computed_in_several_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random: np.random.Generator
) -> None:
    """One takes limited time; the results are those of one call, to the bit."""
    write_large_model(tmp_path)
    monkeypatch.setattr(onnx_autoencoder, "MAX_CALL_MS", 1_000_000)
    at_once = OnnxAutoencoder.load(tmp_path)
    monkeypatch.setattr(onnx_autoencoder, "MAX_CALL_MS", 3 * at_once.cost.decode)
    in_parts = OnnxAutoencoder.load(tmp_path)
    images = random.random((8, *at_once.card.image_shape), dtype=np.float32)

    posterior = at_once.encode(images)
    same = in_parts.encode(images)

    assert np.array_equal(posterior.mean, same.mean)
    assert np.array_equal(posterior.log_variance, same.log_variance)
    decoded = at_once.decode(posterior.mean)
    assert np.array_equal(decoded, in_parts.decode(posterior.mean))
