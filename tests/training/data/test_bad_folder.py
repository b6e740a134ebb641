"""Folders and files that cannot be used, and those that are left out."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.training.data.folders import encode, png, pngs, read, write_tree
from training.data.errors import DataError
from training.data.folder_warnings import folder_warnings

TREE = pngs("", 30)
TRUNCATED = png(99, (64, 64))[:-200]
BAD_FILES = {
    "text.png": b"no picture",
    "empty.png": b"",
    "truncated.png": TRUNCATED,
    "header.jpg": b"\xff\xd8\xff\xe0",
    "huge.bmp": b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0" + b"\xff\xff\xff\x7f" * 2,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named(tmp_path: Path, name: str) -> None:
    """One file that cannot be read ends the reading, in one line."""
    root = write_tree(tmp_path, {**TREE, name: BAD_FILES[name]})

    with pytest.raises(DataError, match=rf"{name}: .*--skip-broken") as caught:
        read(root)
    assert "\n" not in str(caught.value)


def test_broken_files_can_be_skipped(tmp_path: Path) -> None:
    """They are listed in the data set, and the others are read as without them."""
    good = read(write_tree(tmp_path / "good", TREE)).data
    root = write_tree(tmp_path / "broken", {**TREE, **BAD_FILES})

    reading = read(root, skip_broken=True)

    assert set(reading.data.skipped) == BAD_FILES.keys()
    assert reading.data.sha256 == good.sha256
    assert reading.data.train.images.equal(good.train.images)
    assert any("cannot be read" in warning for warning in folder_warnings(reading))


def test_many_broken_files_are_counted(tmp_path: Path) -> None:
    """A message names the first few."""
    tree = {f"{n}.png": b"" for n in range(100)}

    with pytest.raises(DataError, match=r"0\.png: .*; and 95 more"):
        read(write_tree(tmp_path, tree))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "no pictures, but no files at all"),
        ({"a.txt": b"", "b.csv": b""}, "no pictures, but 2 other files"),
        ({".hidden.png": png(0), "__MACOSX/a.png": png(0)}, "no files at all"),
        (pngs("", 2), "too few different pictures: 2"),
        (pngs("", 12), "6 different pictures to train on"),
        ({f"{n}.png": png(0) for n in range(50)}, "too few different pictures: 1"),
    ],
)
def test_a_folder_without_enough_pictures(
    tmp_path: Path, tree: dict[str, bytes], message: str
) -> None:
    """The message says what is there."""
    with pytest.raises(DataError, match=message):
        read(write_tree(tmp_path, tree))


def test_pictures_that_are_all_alike(tmp_path: Path) -> None:
    """Different files of one picture teach nothing."""
    tree = {
        f"{n}.png": encode(Image.new("L", (28 + n, 28 + n), 7), "PNG")
        for n in range(30)
    }

    with pytest.raises(DataError, match="all pictures to train on are the same"):
        read(write_tree(tmp_path, tree))


def test_a_missing_folder_and_a_file(tmp_path: Path) -> None:
    """Both are named."""
    file = tmp_path / "file.png"
    file.write_bytes(png(0))
    for path in (tmp_path / "missing", file):
        with pytest.raises(DataError, match=rf"{path} is not a folder"):
            read(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normal": "fine"}, "--normal fine is not one of the classes: bad, good"),
        ({"background": "no"}, "--background no is no colour"),
        ({"group": "("}, r"--group '\('"),
        ({"group": "lot"}, "--group 'lot' does not match bad/0030.png"),
        ({"group": "bad|good"}, "too few groups without common pictures: 2, not 3"),
    ],
)
def test_options_that_do_not_suit_the_folder(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    """The message has the option's name and the folder's."""
    tree = {**pngs("good", 30), **pngs("bad", 20, 30)}

    with pytest.raises(DataError, match=message):
        read(write_tree(tmp_path, tree), **options)


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    """Links to a file outside, to a folder, to nothing and to itself are left out."""
    outside = write_tree(tmp_path / "outside", {"secret.png": png(99)})
    root = write_tree(tmp_path / "root", TREE)
    (root / "out.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside)
    (root / "circle").symlink_to(root)
    (root / "nowhere.png").symlink_to(root / "missing.png")
    (root / "itself.png").symlink_to(root / "itself.png")
    (root / "inside.png").symlink_to(root / "0000.png")

    reading = read(root)

    assert set(reading.splits) == {*TREE, "inside.png"}
    assert any("5 symbolic links" in warning for warning in folder_warnings(reading))


def test_clutter_is_left_out_and_other_files_are_mentioned(tmp_path: Path) -> None:
    """Hidden files and those of systems go unmentioned."""
    tree = {
        **TREE,
        ".DS_Store": b"",
        ".cache/a.png": png(99),
        "Thumbs.db": b"",
        "__MACOSX/._a.png": b"",
        "labels.csv": b"",
    }

    reading = read(write_tree(tmp_path, tree))

    assert set(reading.splits) == TREE.keys()
    assert next(folder_warnings(reading)) == "1 files are no pictures: labels.csv"


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A picture is read whatever the bytes of its name."""
    name = b"caf\xe9.png"
    root = write_tree(tmp_path, TREE)
    try:
        (root / os.fsdecode(name)).write_bytes(png(99))
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")

    reading = read(root)

    assert os.fsdecode(name) in reading.splits


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    """Reading one would wait forever."""
    root = write_tree(tmp_path, TREE)
    os.mkfifo(root / "pipe.png")

    assert read(root).files.others == ["pipe.png"]


def test_a_full_disk_is_reported_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how much room is needed."""
    full = SimpleNamespace(free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with pytest.raises(DataError, match=r"1 MB are needed .* 0 MB are free"):
        read(write_tree(tmp_path, pngs("", 31)))


def test_an_interrupted_reading_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while decoding leaves no part of a file in the cache."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("training.data.folder.read_pixels", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read(write_tree(tmp_path / "root", TREE))
    assert not list((tmp_path / "cache/vae-service/images").iterdir())
