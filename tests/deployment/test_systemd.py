"""The systemd unit: valid, locked down, and with settings that exist."""

import re
import subprocess
from pathlib import Path

from service.settings import Settings
from tests.samples import REPOSITORY

UNIT = REPOSITORY / "deploy" / "systemd" / "vae-service.service"
TEXT = UNIT.read_text()
MAX_EXPOSURE = 2.0  # of 10; above 5 systemd calls it medium


def value(name: str) -> str:
    """Return the value of a name that occurs once."""
    (found,) = re.findall(rf"^{name}=(.*)$", TEXT, re.MULTILINE)
    return str(found)


def test_the_stop_timeout_fits_the_drain() -> None:
    """The unit's variables are settings; SIGKILL comes after delay and grace."""
    variables = dict(re.findall(r"VAE_(\w+)=(\d+)", value("Environment")))

    assert {name.lower() for name in variables} <= set(Settings.model_fields)
    drain = sum(int(seconds) for seconds in variables.values())
    assert int(value("TimeoutStopSec")) >= drain + 5


def test_a_wrong_setting_or_model_is_not_tried_again() -> None:
    """Their exit codes are 2 and 3; the service is restarted after any other."""
    assert value("Restart") == "on-failure"
    assert value("RestartPreventExitStatus") == "2 3"


def test_systemd_finds_nothing_wrong(systemd_analyze: str, tmp_path: Path) -> None:
    """The unit is valid, with a program that exists, and well locked down."""
    unit = tmp_path / UNIT.name
    unit.write_text(TEXT.replace("/opt/vae-service/bin/vae-service", "/bin/true"))
    threshold = f"--threshold={MAX_EXPOSURE * 10:.0f}"
    checks = [("verify",), ("security", "--offline=yes", threshold)]

    for check in checks:
        command = [systemd_analyze, *check, str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert done.stderr == ""
