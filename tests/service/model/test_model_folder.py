"""A model's files are read only as its card describes them."""

from codecs import BOM_UTF8
from pathlib import Path

import pytest

from service.model.errors import ModelLoadError
from service.model.model_folder import CARD_FILE, read_card
from tests.samples import MODEL


@pytest.fixture
def card_path(tmp_path: Path) -> Path:
    """A copy of the model's card."""
    path = tmp_path / CARD_FILE
    path.write_bytes((MODEL / CARD_FILE).read_bytes())
    return path


def test_a_card_with_a_byte_order_mark_is_the_same_card(card_path: Path) -> None:
    """Editors on Windows write one."""
    card_path.write_bytes(BOM_UTF8 + card_path.read_bytes())

    assert read_card(card_path.parent) == read_card(MODEL)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_card_in_another_encoding_is_refused_in_one_line(
    card_path: Path, encoding: str
) -> None:
    """The message names the file."""
    card_path.write_text(card_path.read_text(), encoding=encoding)

    with pytest.raises(ModelLoadError, match=r"model\.json is not a model") as error:
        read_card(card_path.parent)

    assert "\n" not in str(error.value)
