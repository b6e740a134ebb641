"""Models that the endurance tests run with."""

import pytest

from tests.endurance.models import MODELS, LoadedModel


@pytest.fixture(scope="session", params=MODELS)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LoadedModel:
    """Model of digits, and one of which an image takes 100 times as long."""
    return MODELS[request.param](tmp_path_factory.mktemp("model"))
