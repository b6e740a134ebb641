"""Models are found by name, and a bad one does not disturb the others."""

import shutil
import zipfile
from pathlib import Path

import pytest

from service.model.errors import ModelLoadError
from service.model.model_folder import CARD_FILE, open_files, read_card
from service.model.repository import ModelRepository, find_models, model_name
from tests.samples import MODEL


def add(folder: Path, name: str, content: str = "good") -> Path:
    """Write a folder whose card has this content; return it."""
    path = folder / name
    path.mkdir()
    (path / CARD_FILE).write_text(content)
    return path


def open_text(name: str, path: Path) -> str:
    """Load the card of ``add`` as a model, if its content is not bad."""
    content = (path / CARD_FILE).read_text()
    if content == "bad":
        raise ModelLoadError(f"{name} is bad")
    return content


def repository(
    folder: Path, default_name: str = "", max_models: int = 16
) -> ModelRepository[str]:
    """Return a repository of the models in a folder."""
    return ModelRepository(
        lambda: find_models(folder),
        open_text,
        default_name=default_name,
        max_models=max_models,
    )


def zipped(target: Path, top: str) -> Path:
    """Write an archive of the shipped model, its files in the folder ``top``."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in MODEL.iterdir():
            archive.write(path, f"{top}{path.name}")
    return target


def test_folders_with_a_card_and_archives_are_models(tmp_path: Path) -> None:
    """Other folders, files and hidden entries are not."""
    add(tmp_path, "parts")
    add(tmp_path, ".hidden")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "digits.zip").touch()

    assert find_models(tmp_path) == {
        "parts": tmp_path / "parts",
        "digits": tmp_path / "digits.zip",
    }


def test_a_folder_takes_precedence_over_an_archive_of_its_name(tmp_path: Path) -> None:
    """The archive is listed with a name that is not valid."""
    add(tmp_path, "parts")
    (tmp_path / "parts.zip").touch()

    assert find_models(tmp_path).keys() == {"parts", "parts.zip"}
    assert repository(tmp_path, "parts").load_all().reasons.keys() == {"parts.zip"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(ModelLoadError, match="nowhere cannot be read: No such file"):
        find_models(tmp_path / "nowhere")


@pytest.mark.parametrize("top", ["", "mnist/"])
def test_an_archive_is_read_as_its_folder(tmp_path: Path, top: str) -> None:
    """The files are at its top or in one folder; nothing is written to the disk."""
    path = zipped(tmp_path / "a.zip", top)

    assert read_card(open_files(path)) == read_card(MODEL)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06"])
def test_a_file_that_is_no_archive_is_refused_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    """The message names it."""
    path = tmp_path / "a.zip"
    path.write_bytes(content)

    with pytest.raises(ModelLoadError, match=r"a\.zip cannot be read: ") as error:
        open_files(path)

    assert "\n" not in str(error.value)


def test_an_archive_without_a_card_or_cut_in_half_is_refused(tmp_path: Path) -> None:
    """Half an archive has no list of its files; a missing file is named."""
    path = zipped(tmp_path / "a.zip", "")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelLoadError, match=r"a\.zip cannot be read"):
        read_card(open_files(path))

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "")
    with pytest.raises(ModelLoadError, match=r"a\.zip/model\.json cannot be read: No"):
        read_card(open_files(path))


def test_damage_within_an_archive_is_found(tmp_path: Path) -> None:
    """The check sum of the archive differs."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CARD_FILE, "0123456789")
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780"))

    with pytest.raises(ModelLoadError, match=r"model\.json cannot be read: Bad CRC"):
        read_card(open_files(path))


def test_the_only_model_is_the_default(tmp_path: Path) -> None:
    """No setting is needed, also when others come later."""
    add(tmp_path, "parts")
    models = repository(tmp_path)
    assert models.load_all().default_name == "parts"

    add(tmp_path, "digits")
    loaded = models.load_all()
    assert loaded.default_name == "parts"
    assert list(loaded.by_name) == ["digits", "parts"]


@pytest.mark.parametrize(
    ("default_name", "message"),
    [
        ("", "VAE_DEFAULT_MODEL: it is not set; models found: digits, parts"),
        ("shoes", "VAE_DEFAULT_MODEL: there is no model shoes; models found: dig"),
        ("parts", "parts is bad"),
    ],
)
def test_a_default_that_cannot_be_loaded_is_an_error(
    tmp_path: Path, default_name: str, message: str
) -> None:
    """It is missing, bad, or not known."""
    add(tmp_path, "digits")
    add(tmp_path, "parts", "bad")

    with pytest.raises(ModelLoadError, match=message):
        repository(tmp_path, default_name).load_all()


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """There must be a default model."""
    with pytest.raises(ModelLoadError, match="models found: none"):
        repository(tmp_path).load_all()


def test_a_bad_model_among_several_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its reason is kept and logged; so is that of a name that is not valid."""
    for name in ("digits", "shoes"):
        add(tmp_path, name)
    add(tmp_path, "parts", "bad")
    add(tmp_path, "My Parts")
    loaded = repository(tmp_path, "digits").load_all()

    assert list(loaded.by_name) == ["digits", "shoes"]
    assert loaded.reasons["parts"] == "parts is bad"
    assert "must have 1 to 63 of a-z" in loaded.reasons["My Parts"]
    assert "the model parts could not be loaded: parts is bad" in caplog.messages


def test_the_earlier_version_of_a_model_stays_if_the_new_one_is_bad(
    tmp_path: Path,
) -> None:
    """The reason is kept; a model whose folder is removed goes."""
    add(tmp_path, "digits")
    parts = add(tmp_path, "parts", "first")
    shoes = add(tmp_path, "shoes")
    models = repository(tmp_path, "digits")
    models.load_all()
    (parts / CARD_FILE).write_text("bad")
    shutil.rmtree(shoes)
    loaded = models.load_all()

    assert loaded.by_name == {"digits": "good", "parts": "first"}
    assert loaded.reasons == {"parts": "parts is bad"}
    (parts / CARD_FILE).write_text("second")
    loaded = models.load_all()
    assert loaded.by_name == {"digits": "good", "parts": "second"}
    assert loaded.reasons == {}


def test_models_beyond_the_limit_are_left_out(tmp_path: Path) -> None:
    """The default is never one of them, nor models that were loaded before."""
    for name in ("b", "c", "z"):
        add(tmp_path, name)
    models = repository(tmp_path, "z", max_models=3)
    assert list(models.load_all().by_name) == ["b", "c", "z"]

    add(tmp_path, "a")
    loaded = models.load_all()
    assert list(loaded.by_name) == ["b", "c", "z"]
    assert "VAE_MODELS_MAX" in loaded.reasons["a"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("models/mnist", "mnist"),
        ("models/My Parts_v2/", "my-parts-v2"),
        ("models/mnist.zip", "mnist"),
        ("models/ÄÖ", "model"),
        (f"models/{'a' * 80}", "a" * 63),
    ],
)
def test_the_name_of_a_single_model_is_that_of_its_folder(
    folder: str, name: str
) -> None:
    """Characters that a name cannot have are replaced."""
    assert model_name(Path(folder)) == name


def test_one_model_is_loaded_while_the_others_stay(tmp_path: Path) -> None:
    """Also a new version of one that is loaded; no other file is read."""
    for name in ("a", "b"):
        add(tmp_path, name, "first")
    models = repository(tmp_path, "a")
    models.load_all()
    for name in ("a", "b"):
        (tmp_path / name / CARD_FILE).write_text("second")
    add(tmp_path, "c")

    assert models.load("c").by_name == {"a": "first", "b": "first", "c": "good"}
    assert models.load("b").by_name == {"a": "first", "b": "second", "c": "good"}


def test_an_unloaded_model_stays_away_until_it_is_loaded(tmp_path: Path) -> None:
    """Looking at the folder again does not bring it back."""
    for name in ("a", "b"):
        add(tmp_path, name)
    models = repository(tmp_path, "a")
    models.load_all()

    unloaded = models.unload("b")
    assert list(unloaded.by_name) == ["a"]
    assert unloaded.reasons == {"b": "unloaded"}
    assert models.load_all().reasons == {"b": "unloaded"}
    loaded = models.load("b")
    assert list(loaded.by_name) == ["a", "b"]
    assert loaded.reasons == {}


def test_a_load_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The model is missing, bad, badly named, or one too many."""
    for name in ("a", "b", "My C"):
        add(tmp_path, name)
    models = repository(tmp_path, "a", max_models=2)
    before = models.load_all()
    add(tmp_path, "d")
    (tmp_path / "b" / CARD_FILE).write_text("bad")

    for name, message in {
        "none": "no model none is found",
        "../a": "is found",
        "b": "b is bad",
        "My C": "VAE_MODELS_MAX",
        "d": "VAE_MODELS_MAX",
    }.items():
        with pytest.raises(ModelLoadError, match=message):
            models.load(name)
    (tmp_path / "b" / CARD_FILE).write_text("good")
    assert models.load("b").by_name == before.by_name


def test_only_a_loaded_model_other_than_the_default_is_unloaded(
    tmp_path: Path,
) -> None:
    """The default must stay; another reason names the model."""
    add(tmp_path, "a")
    models = repository(tmp_path)
    models.load_all()

    with pytest.raises(ModelLoadError, match="a is the default model"):
        models.unload("a")
    with pytest.raises(ModelLoadError, match="no model b is loaded"):
        models.unload("b")
