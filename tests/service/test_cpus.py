"""Number of processors that this process may use."""

import os
from pathlib import Path

import pytest

from service.cpus import available_cpus

AFFINITY = len(os.sched_getaffinity(0))
V2_ROOT = "0::/\n"
V2_UNIT = "0::/system.slice/vae.service\n"
V1_UNIT = "3:memory:/other\n1:cpuacct,cpu:/vae.service\n0::/\n"
HALF = "50000 100000\n"
UNLIMITED = "max 100000\n"


def v1(folder: str, quota: str) -> dict[str, str]:
    """Return the files of a quota in cgroups of version 1."""
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": "100000\n",
    }


@pytest.mark.parametrize(
    ("membership", "files", "cpus"),
    [
        (V2_ROOT, {"cpu.max": HALF}, 1),
        (V2_ROOT, {"cpu.max": "100000 100000\n"}, 1),
        (V2_ROOT, {"cpu.max": "149000 100000\n"}, 1),
        (V2_ROOT, {"cpu.max": UNLIMITED}, AFFINITY),
        (V2_ROOT, {"cpu.max": "99900000 100000\n"}, AFFINITY),
        (V2_ROOT, {}, AFFINITY),
        (V2_ROOT, v1("cpu", "50000"), AFFINITY),
        (V1_UNIT, v1("cpu", "50000"), 1),
        (V1_UNIT, v1("cpu", "-1"), AFFINITY),
        (V1_UNIT, v1("cpu/vae.service", "50000"), 1),
        (V1_UNIT, {**v1("cpu", "-1"), **v1("cpu/vae.service", "50000")}, 1),
    ],
)
def test_quota_and_affinity_bound_the_number(
    tmp_path: Path, membership: str, files: dict[str, str], cpus: int
) -> None:
    """Quotas of both cgroup versions count; half a processor is one worker."""
    assert cpus_of(tmp_path, membership, files) == cpus


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"system.slice/vae.service/cpu.max": HALF}, 1),
        (
            {
                "system.slice/vae.service/cpu.max": UNLIMITED,
                "system.slice/cpu.max": HALF,
            },
            1,
        ),
        ({"cpu.max": HALF}, 1),
        ({"user.slice/cpu.max": HALF}, AFFINITY),
    ],
)
def test_the_quota_is_that_of_the_own_cgroup(
    tmp_path: Path, files: dict[str, str], cpus: int
) -> None:
    """Its own, or of one that contains it; systemd's CPUQuota sets a unit's."""
    assert cpus_of(tmp_path, V2_UNIT, files) == cpus


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    """Neither file exists on macOS."""
    assert available_cpus(tmp_path / "cgroup", tmp_path / "membership") == AFFINITY


def cpus_of(folder: Path, membership: str, files: dict[str, str]) -> int:
    """Return the number of processors under files of /proc and /sys."""
    (folder / "membership").write_text(membership)
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return available_cpus(folder / "cgroup", folder / "membership")
