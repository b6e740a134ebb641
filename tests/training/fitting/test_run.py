"""A run on the command line shows its progress."""

import io

import pytest
from rich.console import Console

from training.fitting.run import progress_bar


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_time_left_is_whole_on_a_narrow_terminal(width: int) -> None:
    """Only the losses are cut."""
    progress = progress_bar()
    losses = "loss -4264.57, reconstruction -4300.12 + KL 45.30"
    progress.add_task("training", total=23, completed=2, result=losses)
    console = Console(width=width, file=io.StringIO(), force_terminal=True)

    with console.capture() as printed:
        console.print(progress.get_renderable())

    assert "2/23" in printed.get()
    assert "-:--:--" in printed.get()
