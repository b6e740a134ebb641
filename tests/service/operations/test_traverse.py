"""POST /traverse, with a fake model whose mean is the image's pixels in [0, 1]."""

import numpy as np
import pytest

from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client


def test_each_row_varies_one_dimension(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Offsets may increase or decrease; all images are decoded in one call."""
    autoencoder.batches.clear()
    response = client.operate(
        "/traverse",
        start={"image": FIRST},
        dimensions=[5, 0],
        range=[0.5, -0.5],
        steps=3,
    )

    start = np.arange(6) / 255
    expected = np.tile(start, (6, 1))
    expected[:3, 5] += [0.5, 0, -0.5]
    expected[3:, 0] += [0.5, 0, -0.5]
    assert response["dimensions"] == [5, 0]
    assert response["offsets"] == [0.5, 0, -0.5]
    assert np.array(response["latents"]) == pytest.approx(expected, abs=1e-6)
    assert len(response["images"]) == 6
    assert autoencoder.batches == [1, 6]


def test_a_single_dimension_needs_no_list(client: Client) -> None:
    """By default there are 11 offsets from -3 to 3."""
    start = {"label": 3}
    response = client.operate("/traverse", start=start, dimensions=2)

    assert response == client.operate("/traverse", start=start, dimensions=[2])
    assert response["offsets"] == pytest.approx(np.arange(-3, 3.1, 0.6))
