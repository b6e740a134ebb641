"""Each network is trained, resumed and exported in the same way."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.conftest import CPU
from training.artifact.architecture import read_architecture
from training.artifact.onnx_graphs import decoder_graph, encoder_graph
from training.artifact.parity import max_difference
from training.data.images import LabelledImages
from training.fitting.budget import epochs_within
from training.fitting.checkpoint import objective_of, trained_model
from training.fitting.recipe import Recipe, RecipeError, read_recipe
from training.fitting.trainers import make_trainer

CONV = Recipe(
    network="conv",
    objective="gaussian",
    epochs=3,
    batch_size=16,
    learning_rate=5e-3,
    averaging=0.0,
    center_pixels=False,
    channels=4,
    hidden_size=32,
    latent_size=6,
)
LINEAR = replace(CONV, network="linear", epochs=1)
VARIED = replace(CONV, jitter=True, flip="both", averaging=0.9, optimizer="adam")


MEMORY = """
import resource
import torch
from training.data.images import LabelledImages
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

count = 60_000
levels = torch.full((count, 3, 32, 32), 51, dtype=torch.uint8)
images = LabelledImages(levels, torch.zeros(count, dtype=torch.long))
recipe = Recipe(network="conv", objective="gaussian", epochs=1, center_pixels=False)
make_trainer(images.first(100), recipe, torch.device("cpu"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
trainer = make_trainer(images, recipe, torch.device("cpu"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
assert trainer.mean_image.allclose(torch.tensor(0.2)), trainer.mean_image
"""


@pytest.fixture(scope="module")
def images() -> LabelledImages:
    """Grey discs of several places, sizes and colours, 3 x 32 x 32."""
    generator = torch.Generator().manual_seed(0)
    places = torch.rand(96, 4, generator=generator)
    rows = torch.arange(32)[:, None]
    columns = torch.arange(32)[None, :]
    discs = []
    for x, y, size, shade in places.tolist():
        squares = (rows - 10 - 12 * y) ** 2 + (columns - 10 - 12 * x) ** 2
        inside = (squares < (4 + 4 * size) ** 2).float()
        colours = torch.tensor([0.2 + 0.6 * shade, 0.8 - 0.4 * shade, 0.5])
        discs.append(0.1 + inside * colours[:, None, None])
    levels = (torch.stack(discs) * 255).round().clamp(0, 255).to(torch.uint8)
    return LabelledImages(levels, torch.zeros(len(levels), dtype=torch.long))


@pytest.mark.skipif(sys.platform != "linux", reason="counts kilobytes, as Linux does")
def test_many_images_take_little_memory_besides_their_own() -> None:
    """184 MB of images: as float32 they would take 737 MB, as int64 1.5 GB."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 100_000


@pytest.mark.parametrize("recipe", [CONV, VARIED, replace(CONV, objective="bernoulli")])
def test_the_loss_falls(images: LabelledImages, recipe: Recipe) -> None:
    """Over ten short epochs it falls by more than it varies."""
    recipe = replace(recipe, epochs=10)

    losses = [each.loss for each in make_trainer(images, recipe, CPU).epochs()]

    assert max(losses[-3:]) < min(losses[:3])


def test_the_variance_is_that_of_the_reconstructions(images: LabelledImages) -> None:
    """Gaussian: the constant of the loss is the mean squared error of an epoch."""
    trainer = make_trainer(images, replace(CONV, epochs=30), CPU)
    results = list(trainer.epochs())
    size = images.images[0].numel()
    constant = size * torch.log(torch.tensor(2 * torch.pi * trainer.objective.variance))

    assert trainer.objective.variance < 0.025
    # Squared errors divided by their mean are one a pixel.
    expected = 0.5 * (size + constant.item())
    assert results[-1].reconstruction_loss == pytest.approx(expected, abs=0.05 * size)


@pytest.mark.parametrize("recipe", [CONV, VARIED])
def test_a_run_resumes_exactly(
    images: LabelledImages, recipe: Recipe, tmp_path: Path
) -> None:
    """A run continued from each checkpoint has the weights of a single run."""
    path = tmp_path / "checkpoint.pt"
    for _ in range(recipe.epochs):
        trainer = make_trainer(images, recipe, CPU)
        if path.exists():
            trainer.resume(path)
        next(trainer.epochs())
        trainer.save(path)
    single = make_trainer(images, recipe, CPU)
    list(single.epochs())

    resumed, state = trained_model(path)

    expected = single.averaged.module.state_dict()
    for name, values in resumed.state_dict().items():
        assert torch.equal(values, expected[name])
    assert objective_of(state) == single.objective


@pytest.mark.parametrize("recipe", [CONV, LINEAR])
def test_graphs_equal_pytorch(
    images: LabelledImages, recipe: Recipe, tmp_path: Path
) -> None:
    """ONNX Runtime's results differ from PyTorch's by at most 1e-5."""
    path = tmp_path / "checkpoint.pt"
    trainer = make_trainer(images, recipe, CPU)
    list(trainer.epochs())
    trainer.save(path)
    model, _ = trained_model(path)
    encoder, decoder = encoder_graph(model), decoder_graph(model)

    layers = read_architecture(encoder, decoder)

    pixels = images.pixels()
    assert max_difference(model, encoder, decoder, pixels) <= 1e-5
    assert layers.parameters == sum(each.numel() for each in model.parameters())
    assert layers.decoder[-1].output_shape[-2:] in {(32, 32), (3 * 32 * 32,)}
    assert layers.log_variance.type == ("dense" if recipe is CONV else "constant")


def test_multiply_adds_of_convolutions_are_counted(images: LabelledImages) -> None:
    """Kernels times places, forwards and transposed, and the dense layers."""
    model = CONV.make_network(images.image_shape).eval()

    counts = read_architecture(encoder_graph(model), decoder_graph(model))

    kernels = 16 * (3 * 4 * 256 + 4 * 8 * 64 + 8 * 16 * 16)
    assert counts.multiply_adds() == {
        "encoder": kernels + 256 * 32 + 2 * 32 * 6,
        "decoder": 6 * 32 + 32 * 256 + kernels,
    }


def test_a_budget_decides_the_epochs(images: LabelledImages) -> None:
    """Twice the time has at least as many epochs; no time has one."""
    none = epochs_within(0.0, images, CONV, CPU)
    much = epochs_within(1e6, images, CONV, CPU)

    assert none == 1
    assert much > 100
    assert epochs_within(1e6, images, LINEAR, CPU) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"center_pixels": True}, "center_pixels is for the network mlp, not conv"),
        ({"network": "mlp"}, "are for the networks conv and linear"),
        ({"network": "linear"}, "the objective gaussian and one epoch"),
    ],
)
def test_a_recipe_that_the_network_does_not_have_is_rejected(
    changes: dict[str, object], message: str
) -> None:
    """The message names the field and the network."""
    with pytest.raises(RecipeError, match=message):
        replace(CONV, **changes)  # type: ignore[arg-type]  # of any field


@pytest.mark.parametrize("name", ["conv", "linear"])
def test_the_shipped_recipes_are_valid(name: str) -> None:
    """training/recipes has one for each further network."""
    path = Path(__file__).parents[3] / "training" / "recipes" / f"{name}.toml"

    assert Recipe(**read_recipe(path)).network == name  # type: ignore[arg-type]  # checked
