"""The command line of the training package, run in the tests' process."""

import pytest

from training.__main__ import main
from training.data.mnist import DataSource


class Command:
    """The command line, run in this process."""

    def __init__(self, source: DataSource, capsys: pytest.CaptureFixture[str]) -> None:
        self.source = source
        self.capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Run it. Return exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as end:
            main(self.source, [str(argument) for argument in arguments])
        printed = self.capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err
