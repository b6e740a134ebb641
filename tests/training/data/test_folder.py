"""Folders of pictures read as data sets."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.data.folders import encode, picture, png, pngs, read, write_tree
from training.data.folder import read_folder
from training.data.folder_options import FolderOptions
from training.data.image_format import ImageFormat

MVTEC = {
    **pngs("train/good", 40),
    **pngs("test/good", 5, 100),
    **pngs("test/crack", 4, 200),
    **pngs("ground_truth/crack", 4, 300),
}


def test_mvtec(tmp_path: Path) -> None:
    """Training and calibration have good pictures alone; masks are no pictures."""
    reading = read(write_tree(tmp_path, MVTEC))

    data = reading.data
    assert (len(data.train), len(data.calibration), len(data.test)) == (28, 12, 9)
    assert (data.class_names, data.normal) == (("good", "crack"), "good")
    assert data.train.labels.tolist() == [0] * 28
    assert data.test.labels.tolist() == [1] * 4 + [0] * 5


def test_given_splits_with_classes(tmp_path: Path) -> None:
    """Train, validation and test are used as the folder has them."""
    tree = {
        **pngs("train/b", 20),
        **pngs("train/a", 10, 100),
        **pngs("validation/a", 3, 200),
        **pngs("test/b", 2, 300),
    }

    data = read(write_tree(tmp_path, tree)).data

    assert data.class_names == ("a", "b")
    assert data.train.labels.bincount().tolist() == [10, 20]
    assert data.calibration.labels.tolist() == [0, 0, 0]
    assert data.test.labels.tolist() == [1, 1]


def test_missing_calibration_comes_from_training(tmp_path: Path) -> None:
    """A test split that is given stays; calibration is split off from training."""
    tree = {**pngs("train", 100), **pngs("test", 7, 500)}

    data = read(write_tree(tmp_path, tree)).data

    assert (len(data.train), len(data.calibration), len(data.test)) == (70, 30, 7)
    assert data.class_names == ()


@pytest.mark.parametrize(
    ("count", "counts"),
    [(100, (60, 30, 10)), (400, (280, 80, 40)), (1000, (800, 100, 100))],
)
def test_a_flat_folder_is_split_by_its_size(
    tmp_path: Path, count: int, counts: tuple[int, int, int]
) -> None:
    """80/10/10 from 1,000 pictures; smaller sets give calibration more."""
    data = read(write_tree(tmp_path, pngs("", count))).data

    assert (len(data.train), len(data.calibration), len(data.test)) == counts


def test_images_and_labels_belong_together(tmp_path: Path) -> None:
    """The image of each class has the class's level."""
    tree = {
        f"{label}/{index}.png": encode(level_picture(label, index), "PNG")
        for label in ("50", "100", "150")
        for index in range(12)
    }

    data = read(write_tree(tmp_path, tree)).data

    for part in (data.train, data.calibration, data.test):
        for image, label in zip(part.images, part.labels, strict=True):
            assert image[0, 5, 5].item() == int(data.class_names[label])


def level_picture(label: str, index: int) -> Image.Image:
    """Return a picture of one level but for one corner, which differs by the index."""
    image = Image.new("L", (28, 28), int(label))
    image.putpixel((0, 0), index)
    return image


def test_a_normal_class_sends_all_others_to_the_test(tmp_path: Path) -> None:
    """Training and calibration see the normal class alone, and no copies of others."""
    tree = {
        **pngs("ok", 30),
        **pngs("bad", 10, 100),
        "ok/copy.png": png(100),
    }

    reading = read(write_tree(tmp_path, tree), normal="ok")

    data = reading.data
    assert data.class_names == ("ok", "bad")
    assert data.train.labels.unique().tolist() == [0]
    assert data.calibration.labels.unique().tolist() == [0]
    assert data.test.labels.bincount().tolist() == [4, 10]
    assert reading.splits["ok/copy.png"] == "test"


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    """The part of the name that matches decides."""
    tree = {
        f"lot{lot}-{index}.png": png(10 * lot + index)
        for lot in range(8)
        for index in range(10)
    }

    reading = read(write_tree(tmp_path, tree), group=r"lot(\d+)")

    for lot in range(8):
        members = {reading.splits[f"lot{lot}-{index}.png"] for index in range(10)}
        assert len(members) == 1
    assert set(reading.splits.values()) == {"train", "calibration", "test"}


def test_copies_stay_on_one_side_even_of_other_groups(tmp_path: Path) -> None:
    """Groups with a picture in common are one group."""
    tree = {
        **pngs("a", 10),
        **pngs("b", 10, 9),
        **pngs("c", 10, 50),
        **pngs("d", 10, 70),
    }

    reading = read(write_tree(tmp_path, tree), group=r"^[^/]*")

    splits = reading.splits
    assert splits["a/0009.png"] == splits["b/0009.png"] == splits["a/0000.png"]


@pytest.mark.parametrize(
    ("sizes", "size"),
    [([(10, 10)], 28), ([(64, 70)], 64), ([(60, 200)], 48), ([(999, 500)], 128)],
)
def test_the_size_is_chosen_by_the_median_short_side(
    tmp_path: Path, sizes: list[tuple[int, int]], size: int
) -> None:
    """It is the largest of six that is not above the median, or the smallest."""
    tree = {f"{n}.png": png(n, sizes[n % len(sizes)]) for n in range(30)}

    assert read(write_tree(tmp_path, tree)).data.format.shape == (1, size, size)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("P", 3), ("CMYK", 3)]
)
def test_colour_is_chosen_by_the_pixels(
    tmp_path: Path, mode: str, channels: int
) -> None:
    """Noise in colour needs three channels, unless its file has none."""
    ending, name = (".tif", "TIFF") if mode == "CMYK" else (".png", "PNG")
    tree = {f"{n}{ending}": encode(picture(n, mode=mode), name) for n in range(20)}

    assert read(write_tree(tmp_path, tree)).data.format.channels == channels


def test_grey_pictures_in_colour_files_are_grey(tmp_path: Path) -> None:
    """JPEG's rounding makes channels differ by two levels at most."""
    tree = {
        f"{n}.jpg": encode(picture(n).convert("RGB"), "JPEG", quality=60)
        for n in range(20)
    }

    assert read(write_tree(tmp_path, tree)).data.format.channels == 1


def test_fit_and_background_are_chosen_by_the_pictures(tmp_path: Path) -> None:
    """Pictures of different ratios are padded with the colour of their borders."""
    tree = {f"{n}.png": png(n, (40 + n, 40), "RGB") for n in range(20)}

    chosen = read(write_tree(tmp_path, tree)).data.format

    assert (chosen.fit, chosen.background) == ("pad", (20, 20, 20))


def test_the_format_can_be_asked_for(tmp_path: Path) -> None:
    """Each choice can be made by the user."""
    root = write_tree(tmp_path, pngs("", 20, mode="RGB"))

    data = read(root, size=40, color="grey", fit="crop", background="red").data

    assert data.format == ImageFormat(1, 40, 40, "crop", (76,))
    assert data.train.image_shape == (1, 40, 40)


def test_a_second_reading_uses_the_decoded_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are mapped from the cache, and are the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = write_tree(tmp_path / "pictures", pngs("", 20))
    first = read_folder(root, FolderOptions()).data
    monkeypatch.delattr("training.data.folder.read_pixels")

    second = read_folder(root, FolderOptions()).data

    assert np.array_equal(first.train.images, second.train.images)


def test_another_format_is_decoded_again(tmp_path: Path) -> None:
    """The cache does not mix formats up."""
    root = write_tree(tmp_path, pngs("", 20))
    for size in (28, 32, 28):
        data = read(root, size=size).data
        assert data.test.image_shape == (1, size, size)


def test_the_hash_is_that_of_the_list_of_files(tmp_path: Path) -> None:
    """It is stable, and changes with a name or a byte."""
    tree = pngs("", 20)
    hashes = [
        read(write_tree(tmp_path / folder, content)).data.sha256["list of files"]
        for folder, content in (
            ("same", tree),
            ("again", tree),
            ("renamed", {f"x{name}": content for name, content in tree.items()}),
            ("other", {**tree, "0000.png": png(99)}),
        )
    ]

    assert Counter(hashes).most_common(1) == [(hashes[0], 2)]
    assert hashes[0] == hashes[1]


def test_title_and_licence_are_the_users(tmp_path: Path) -> None:
    """The title is the folder's name, and the licence unknown, unless they are given."""
    root = write_tree(tmp_path / "garments", pngs("", 20))

    plain = read(root).data
    named = read(root, title="Garments", licence="MIT").data

    assert (plain.title, plain.licence) == ("garments", None)
    assert (named.title, named.licence) == ("Garments", "MIT")
