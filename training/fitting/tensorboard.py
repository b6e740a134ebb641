"""A run's losses, kept for TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from training.fitting.trainer import EpochResult, TrainingError

EpochLog = Callable[[EpochResult], None]


@contextmanager
def epoch_log(folder: Path | None) -> Iterator[EpochLog]:
    """Give a function that writes an epoch's result into ``folder``, or nowhere when it is None.

    Raises TrainingError where the package tensorboard is missing.
    """
    if folder is None:
        yield lambda _: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - a package that only this needs
    except ImportError as error:
        raise TrainingError(
            "--tensorboard needs a package that is not here: pip install tensorboard"
        ) from error
    with SummaryWriter(folder) as writer:

        def write(result: EpochResult) -> None:
            for name, value in asdict(result).items():
                if name != "epoch":
                    writer.add_scalar(name, value, result.epoch)

        yield write
