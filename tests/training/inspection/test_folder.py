"""`inspect`: all pictures of a folder, the worst first."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.command import Command
from tests.training.data.folders import write_tree
from training.artifact.model_card import read_card, write_card
from training.inspection.folder import plain

FINDINGS = ["file", "score", "percentile", "anomalous", "reason", "x", "y"]


@pytest.fixture
def test_folder(parts_folder: Path) -> Path:
    """Twenty good parts and twenty with defects."""
    return parts_folder / "test"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file by its header."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_pictures_are_listed_the_worst_first(
    command: Command, test_folder: Path, parts_model: Path, tmp_path: Path
) -> None:
    """Defects come before good parts, and missing holes are all anomalous."""
    path = tmp_path / "found" / "parts.csv"
    code, out, _ = command(
        "inspect", test_folder, "--model", parts_model, "--csv", path
    )
    rows = read_rows(path)
    scores = [float(row["score"]) for row in rows]
    missing = [row for row in rows if row["file"].startswith("missing/")]

    assert code == 0
    assert "40 pictures have a score above" in out
    assert "from 60 calibration images" in out
    assert "false-alarm rate: 1.7 %; 95 % interval 0.04 % to 5.96 %" in out
    assert list(rows[0]) == FINDINGS
    assert len(rows) == 40
    assert scores == sorted(scores, reverse=True)
    assert {row["anomalous"] for row in missing} == {"True"}
    assert all(row["file"] in out for row in missing)
    assert rows[-1]["file"].startswith("good/")


@pytest.mark.parametrize(
    ("score", "text"),
    [(32512.3, "32510"), (628.34, "628.3"), (0.000181234, "0.0001812"), (5.0, "5")],
)
def test_scores_are_printed_in_plain_digits(score: float, text: str) -> None:
    """Large and small ones in a column are compared at a glance."""
    assert plain(score) == text


def test_the_peak_is_at_the_defect(
    command: Command, test_folder: Path, parts_model: Path, tmp_path: Path
) -> None:
    """A missing hole is found at a corner of the part, 18 pixels from its centre."""
    path = tmp_path / "parts.csv"
    command("inspect", test_folder, "--model", parts_model, "--csv", path)

    for row in read_rows(path):
        if row["file"].startswith("missing/"):
            distances = [abs(int(row[axis]) - 31.5) for axis in "xy"]
            assert all(10 <= distance <= 26 for distance in distances)


def test_the_false_alarm_rate_decides_the_threshold(
    command: Command, test_folder: Path, parts_model: Path, tmp_path: Path
) -> None:
    """A higher rate finds more; one that 60 images cannot carry is an error."""
    counts = []
    for rate in (0.02, 0.5):
        path = tmp_path / f"{rate}.csv"
        given = ("--csv", path, "--false-alarm-rate", rate)
        assert command("inspect", test_folder, "--model", parts_model, *given)[0] == 0
        counts.append(sum(row["anomalous"] == "True" for row in read_rows(path)))
    too_low = ("--false-alarm-rate", 0.001)
    code, _, err = command("inspect", test_folder, "--model", parts_model, *too_low)

    assert counts[0] < counts[1]
    assert code == 1
    assert "needs 999 calibration images; there are 60" in err


def test_maps_are_pictures_of_a_fixed_scale(
    command: Command, test_folder: Path, parts_model: Path, tmp_path: Path
) -> None:
    """Exactly anomalous pictures have a level above 128, at the peak."""
    maps, path = tmp_path / "maps", tmp_path / "parts.csv"
    given = ("--model", parts_model, "--csv", path, "--maps", maps)

    assert command("inspect", test_folder, *given)[0] == 0
    for row in read_rows(path):
        with Image.open(maps / f"{row['file']}.png") as picture:
            levels = np.asarray(picture)
        assert levels.shape == (64, 64)
        assert levels.max() == levels[int(row["y"]), int(row["x"])]
        assert (levels.max() > 128) == (row["anomalous"] == "True")
    with Image.open(maps / "worst.png") as sheet:
        assert sheet.size == (8 * 66 - 2, 6 * 66 - 2)


def test_a_broken_picture_is_named_or_left_out(
    command: Command, test_folder: Path, parts_model: Path, tmp_path: Path
) -> None:
    """Nothing is written in the first case."""
    folder = shutil.copytree(test_folder / "good", tmp_path / "pictures")
    write_tree(folder, {"bad.png": b"no picture"})
    path = tmp_path / "parts.csv"
    arguments = ("inspect", folder, "--model", parts_model, "--csv", path)

    code, _, err = command(*arguments)
    assert code == 1
    assert "bad.png: not a picture" in err
    assert not path.exists()

    assert command(*arguments, "--skip-broken")[0] == 0
    assert len(read_rows(path)) == 20


def test_a_model_without_an_inspector_is_an_error(
    command: Command, test_folder: Path, parts_model: Path, tmp_path: Path
) -> None:
    """The message says what to do."""
    older = shutil.copytree(parts_model, tmp_path / "older")
    card = read_card(older)
    del card["graphs"]["inspector"]
    write_card(older, card)

    code, _, err = command("inspect", test_folder, "--model", older)

    assert code == 1
    assert "has no inspector: export the model again" in err


def test_a_model_of_pen_strokes_is_an_error(
    command: Command, test_folder: Path, exported: Path
) -> None:
    """Only the service brings pictures to its form."""
    code, _, err = command("inspect", test_folder, "--model", exported)

    assert code == 1
    assert "is a model of pen strokes" in err
