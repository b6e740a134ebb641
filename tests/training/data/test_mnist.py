"""Only the published files are accepted; an error names the file."""

import gzip
import pwd
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from tests.samples import DATA
from training.data.errors import DataError
from training.data.mnist import MNIST_FILES, DataSource, fashion_mnist

IMAGES = "t10k-images-idx3-ubyte"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample, which a test may damage."""
    return shutil.copytree(DATA, tmp_path / "data")


@pytest.fixture
def mirror() -> Iterator[str]:
    """Address of an HTTP server on a free local port that serves the sample."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Log nothing."""

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
    """Raw files give the same digits as gzip files."""
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()

    assert torch.equal(
        source.load("train", folder).images, source.load("train", DATA).images
    )


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_files_with_dotted_names_are_read(
    source: DataSource, folder: Path, suffix: str
) -> None:
    """Names such as ``train-images.idx3-ubyte``, which some archives use, are found."""
    for path in folder.glob("*.gz"):
        content = path.read_bytes()
        path.unlink()
        dotted = path.with_name(path.stem.replace("-idx", ".idx") + suffix)
        dotted.write_bytes(content if suffix else gzip.decompress(content))

    loaded = source.load("train", folder)
    assert torch.equal(loaded.images, source.load("train", DATA).images)


def test_the_variable_names_the_folder_when_no_argument_does(
    source: DataSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The argument takes precedence over ``$MNIST_DIR``."""
    monkeypatch.setenv("MNIST_DIR", str(folder))
    assert len(source.load("train")) == 512

    monkeypatch.setenv("MNIST_DIR", str(folder / "nothing"))
    assert len(source.load("train", folder)) == 512
    with pytest.raises(DataError, match="has neither train-images"):
        source.load("train")


def test_a_truncated_file_is_rejected_by_name(source: DataSource, folder: Path) -> None:
    """An interrupted download is an error that names the file."""
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match=f"{IMAGES}.gz is truncated or damaged"):
        source.load("t10k", folder)


def test_another_data_sets_file_is_rejected_by_name(
    source: DataSource, folder: Path
) -> None:
    """Another data set under MNIST's file names, such as Fashion-MNIST, is an error."""
    shutil.copy(folder / "train-images-idx3-ubyte.gz", folder / f"{IMAGES}.gz")

    with pytest.raises(
        DataError, match=rf"{IMAGES}\.gz is not sample's {IMAGES}: its SHA-256 differs"
    ):
        source.load("t10k", folder)


def test_the_sample_is_not_accepted_as_mnist() -> None:
    """The known hashes are of all 70,000 digits, so the sample is rejected."""
    with pytest.raises(DataError, match="is not MNIST's"):
        DataSource().load("train", DATA)
    assert set(MNIST_FILES) == {path.stem for path in DATA.glob("*.gz")}


def test_files_are_downloaded_once(
    source: DataSource, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next mirror is tried after a failure; the files stay in the cache folder."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = replace(source, mirrors=(mirror + "nothing/", mirror)).load("t10k")
    again = replace(source, mirrors=()).load("t10k")

    assert torch.equal(first.images, again.images)
    assert {path.name for path in (tmp_path / "vae-service" / "sample").iterdir()} == {
        f"{IMAGES}.gz",
        "t10k-labels-idx1-ubyte.gz",
    }


def test_without_a_home_folder_the_error_names_the_option(
    source: DataSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without ``$HOME`` and without a password entry has no cache folder."""

    def no_entry(_: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "MNIST_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    with pytest.raises(DataError, match=r"no home folder .* --data"):
        source.load("t10k")


def test_a_download_is_checked_before_it_is_written(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A downloaded file that is not MNIST's is not written to the cache."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"could not be downloaded.*SHA-256 differs"):
        DataSource(mirrors=(mirror,)).load("t10k")

    assert list(tmp_path.rglob("*.gz")) == []


def test_other_data_is_rejected_as_fashion_mnist() -> None:
    """MNIST has the same format and file names."""
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
