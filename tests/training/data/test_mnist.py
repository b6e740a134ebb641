"""Only the files that MNIST's authors published are taken, and what is wrong with another is said by name."""

import gzip
import shutil
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from tests.samples import DATA
from training.data.mnist import (
    MNIST_FILES,
    DataError,
    DataSource,
    Digits,
    fashion_mnist,
    parse_idx,
)

IMAGES = "t10k-images-idx3-ubyte"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample, to be damaged."""
    return shutil.copytree(DATA, tmp_path / "data")


@pytest.fixture
def mirror() -> Iterator[str]:
    """The sample behind an HTTP server on a free port of this machine."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(DATA))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_digits_are_images_with_labels(source: DataSource) -> None:
    """The first test digits of MNIST are 7, 2, 1, 0, 4."""
    digits = source.load("t10k", DATA)

    assert digits.images.shape == (1000, 1, 28, 28)
    assert digits.images.dtype == torch.uint8
    assert digits.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert digits.pixels().max() == 1
    assert digits.pixels().min() == 0


def test_raw_files_are_read_as_well(source: DataSource, folder: Path) -> None:
    """Gzip or not, the digits are the same."""
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()

    assert torch.equal(
        source.load("train", folder).images, source.load("train", DATA).images
    )


def test_the_variable_names_the_folder_when_no_argument_does(
    source: DataSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--data, then $MNIST_DIR."""
    monkeypatch.setenv("MNIST_DIR", str(folder))
    assert len(source.load("train")) == 512

    monkeypatch.setenv("MNIST_DIR", str(folder / "nothing"))
    assert len(source.load("train", folder)) == 512
    with pytest.raises(DataError, match="has neither train-images"):
        source.load("train")


def test_a_truncated_file_is_refused_by_name(source: DataSource, folder: Path) -> None:
    """A download that broke off."""
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match=f"{IMAGES}.gz is truncated or damaged"):
        source.load("t10k", folder)


def test_a_foreign_file_is_refused_by_name(source: DataSource, folder: Path) -> None:
    """Another data set in MNIST's format under MNIST's names, as Fashion-MNIST is."""
    shutil.copy(folder / "train-images-idx3-ubyte.gz", folder / f"{IMAGES}.gz")

    with pytest.raises(
        DataError, match=rf"{IMAGES}\.gz is not sample's {IMAGES}: its SHA-256 differs"
    ):
        source.load("t10k", folder)


def test_the_sample_is_not_taken_for_mnist() -> None:
    """The known hashes are those of all 70,000 digits."""
    with pytest.raises(DataError, match="is not MNIST's"):
        DataSource().load("train", DATA)
    assert set(MNIST_FILES) == {path.stem for path in DATA.glob("*.gz")}


def test_files_are_downloaded_once(
    source: DataSource, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that fails is passed over; what it gave stays in the cache folder."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = replace(source, mirrors=(mirror + "nothing/", mirror)).load("t10k")
    again = replace(source, mirrors=()).load("t10k")

    assert torch.equal(first.images, again.images)
    assert {path.name for path in (tmp_path / "vae-service" / "sample").iterdir()} == {
        f"{IMAGES}.gz",
        "t10k-labels-idx1-ubyte.gz",
    }


def test_a_download_is_checked_before_it_is_kept(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a mirror gives in place of MNIST is not written."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"could not be downloaded.*SHA-256 differs"):
        DataSource(mirrors=(mirror,)).load("t10k")

    assert list(tmp_path.rglob("*.gz")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated"),
        (b"\x00\x00\x0d\x01" + bytes(4), "not an IDX file"),
        (b"\x00\x00\x08\x03" + bytes(3), "truncated"),
        (b"\x00\x00\x08\x01" + struct.pack(">I", 5) + bytes(4), "truncated"),
        (b"\x00\x00\x08\x03" + struct.pack(">III", 2**31, 2**31, 2**31), "truncated"),
    ],
)
def test_a_damaged_idx_file_is_refused(content: bytes, message: str) -> None:
    """The header must fit the content."""
    with pytest.raises(DataError, match=message):
        parse_idx(content, Path("digits"))


def test_more_digits_than_there_are_is_an_error(train_digits: Digits) -> None:
    """A size is a promise."""
    assert len(train_digits.first(10)) == 10
    assert len(train_digits.first(None)) == 512
    with pytest.raises(DataError, match="513 digits asked for, 512 are there"):
        train_digits.first(513)


def test_the_digits_after_the_first_are_the_others(train_digits: Digits) -> None:
    """At least one; the two parts make the whole."""
    parts = train_digits.first(500), train_digits.after(500)

    assert torch.equal(torch.cat([part.images for part in parts]), train_digits.images)
    assert torch.equal(torch.cat([part.labels for part in parts]), train_digits.labels)
    with pytest.raises(
        DataError, match="no digits after the first 512: 512 are there; --train-size"
    ):
        train_digits.after(512)


def test_the_halves_are_every_second_digit(test_digits: Digits) -> None:
    """None is in both, none is left out, though their number be odd."""
    first, second = test_digits.first(5).halves()

    assert torch.equal(first.images, test_digits.images[[0, 2, 4]])
    assert torch.equal(second.images, test_digits.images[[1, 3]])
    assert [len(first.labels), len(second.labels)] == [3, 2]


def test_other_data_is_refused_as_fashion_mnist() -> None:
    """Digits have the same format and file names."""
    with pytest.raises(DataError, match="is not Fashion-MNIST's"):
        fashion_mnist(DATA)


def test_fashion_mnist_is_optional() -> None:
    """Without a folder, and without Debian's package, there is none."""
    assert fashion_mnist(None) is None


def test_fashion_mnist_is_read_from_debians_package(
    fashion_mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is the default."""
    monkeypatch.setattr("training.data.mnist.FASHION_FOLDER", fashion_mnist_folder)
    images = fashion_mnist(None)

    assert images is not None
    assert images.images.shape == (10_000, 1, 28, 28)
