"""A run's losses as TensorBoard event files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from training.fitting.checkpoint import EpochResult
from training.fitting.errors import TrainingError

EpochLog = Callable[[EpochResult], None]


@contextmanager
def epoch_log(folder: Path | None) -> Iterator[EpochLog]:
    """Open a log of epochs' results in ``folder``; None discards them.

    Raises TrainingError if the package tensorboard is missing.
    """
    if folder is None:
        yield lambda _: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise TrainingError(
            "--tensorboard needs a missing package: pip install tensorboard"
        ) from error
    with SummaryWriter(folder) as writer:

        def write(result: EpochResult) -> None:
            losses = asdict(result)
            epoch = losses.pop("epoch")
            for name, value in losses.items():
                writer.add_scalar(name, value, epoch)

        yield write
