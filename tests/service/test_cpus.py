"""Number of processors that this process may use."""

import os
from pathlib import Path

import pytest

from service.cpus import available_cpus

AFFINITY = len(os.sched_getaffinity(0))
QUOTA_V1, PERIOD_V1 = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "149000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, AFFINITY),
        ({"cpu.max": "99900000 100000\n"}, AFFINITY),
        ({QUOTA_V1: "50000\n", PERIOD_V1: "100000\n"}, 1),
        ({QUOTA_V1: "-1\n", PERIOD_V1: "100000\n"}, AFFINITY),
        ({}, AFFINITY),
    ],
)
def test_quota_and_affinity_bound_the_number(
    tmp_path: Path, files: dict[str, str], cpus: int
) -> None:
    """Quotas of both cgroup versions count; half a processor is one worker."""
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    assert available_cpus(tmp_path) == cpus
