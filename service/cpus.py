"""Number of processors that this process may use."""

import math
import os
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
MAX_CPUS = 256

# Version 2 has both numbers in one file, version 1 a file for each:
# https://docs.kernel.org/admin-guide/cgroup-v2.html
# https://docs.kernel.org/scheduler/sched-bwc.html
QUOTA_FILES_V2 = ("cpu.max",)
QUOTA_FILES_V1 = ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
UNLIMITED = {"max", "-1"}


def available_cpus(cgroup_root: Path = CGROUP_ROOT) -> int:
    """Return the processors that CPU affinity and cgroup quota allow, 1 or more.

    The quota is rounded: half a processor is one, 1.49 processors are one.
    """
    quota = cpu_quota(cgroup_root)
    rounded_quota = math.floor(quota + 0.5)
    count = min(affinity_cpus(), rounded_quota)
    return max(1, count)


def affinity_cpus() -> int:
    """Return the number of processors in the process's affinity mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(cgroup_root: Path) -> float:
    """Return the cgroup's quota in processors; MAX_CPUS if it has none."""
    for names in (QUOTA_FILES_V2, QUOTA_FILES_V1):
        try:
            texts = [(cgroup_root / name).read_text() for name in names]
        except OSError:
            continue
        quota, period = " ".join(texts).split()
        if quota in UNLIMITED:
            return MAX_CPUS
        return int(quota) / int(period)
    return MAX_CPUS
