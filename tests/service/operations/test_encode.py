"""POST /encode, with a fake model whose mean is the image's pixels in [0, 1]."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.model.noise import MAX_SEED
from tests.samples import FIRST, SECOND, FakeAutoencoder, pixels_of
from tests.service.conftest import Client


def test_the_response_has_the_posterior_of_each_image(client: Client) -> None:
    """Means and log-variances are the model's, in the request's order."""
    latents = client.operate("/encode", images=[SECOND, FIRST])["latents"]

    assert np.allclose(latents[0]["mean"], np.arange(250, 256) / 255)
    assert np.allclose(latents[1]["mean"], np.arange(6) / 255)
    assert np.allclose(latents[1]["log_variance"], np.arange(6) / 510)


def test_all_images_are_encoded_in_one_call(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Three images are one batch."""
    autoencoder.batches.clear()
    client.operate("/encode", images=[FIRST, SECOND, FIRST])

    assert autoencoder.batches == [3]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, MAX_SEED), st.integers(1, 3), st.integers(1, 4))
def test_samples_do_not_depend_on_other_images_and_samples(
    client: Client, seed: int, images: int, samples: int
) -> None:
    """/reconstruct decodes the same samples that /encode returns."""
    all_images = [FIRST, SECOND, FIRST]
    few = {
        "images": all_images[:images],
        "sample": True,
        "samples": samples,
        "seed": seed,
    }
    many = {"images": all_images, "sample": True, "samples": 4, "seed": seed}
    encoded = client.operate("/encode", **few)
    others = client.operate("/encode", **many)["latents"][:images]
    decoded = client.operate("/reconstruct", **few)

    assert encoded["seed"] == decoded["seed"] == seed
    all_samples = []
    for posterior, other in zip(encoded["latents"], others, strict=True):
        assert posterior["mean"] == other["mean"]
        assert posterior["samples"] == other["samples"][:samples]
        all_samples.append(posterior["samples"])
    expected = np.concatenate(all_samples).clip(0, 1) * 255
    pixels = np.array([pixels_of(image).ravel() for image in decoded["images"]])
    assert np.abs(pixels - expected).max() <= 0.51
