"""Fixtures for all tests."""

import numpy as np
import pytest
import torch
from hypothesis import settings

from tests.samples import DATA, FakeAutoencoder
from training.data.digits import Digits
from training.data.mnist import DataSource

SAMPLE = DataSource(
    name="sample",
    files={
        "train-images-idx3-ubyte": "dc15d0b5d1b0c2e3735e17f364421a17ca95485dfe2e28bf4e8cc1c45b02bb2f",
        "train-labels-idx1-ubyte": "ac62e054281959338268df783398afca3e2244b1de6612e7140bd02995181396",
        "t10k-images-idx3-ubyte": "de7c252b04f05e1f8309634180ccdf286dc6dbac8c579b74e76e02ae0331ca52",
        "t10k-labels-idx1-ubyte": "832c0d20f0dc42e575488c75a83a970787d4c8d4d05831b2ef03701b4a478a90",
    },
    mirrors=(),
)

# The same cases in each run, and no clock: a slow machine is no failure.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
torch.set_num_threads(
    1
)  # the same sums in the same order, however many cores there are


@pytest.fixture(scope="session")
def source() -> DataSource:
    """512 training and 1,000 test digits of MNIST."""
    return SAMPLE


@pytest.fixture(scope="session")
def train_digits() -> Digits:
    """512 training digits."""
    return SAMPLE.load("train", DATA)


@pytest.fixture(scope="session")
def test_digits() -> Digits:
    """1,000 test digits."""
    return SAMPLE.load("t10k", DATA)


@pytest.fixture
def autoencoder() -> FakeAutoencoder:
    """A fake whose reconstructions are the images."""
    return FakeAutoencoder()


@pytest.fixture
def random() -> np.random.Generator:
    """The same random numbers in each test."""
    return np.random.default_rng(0)
