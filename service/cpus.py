"""Number of processors that this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUP_ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
MAX_CPUS = 256
UNLIMITED = {"max", "-1"}


def available_cpus(root: Path = CGROUP_ROOT, membership: Path = MEMBERSHIP) -> int:
    """Return the processors that CPU affinity and cgroup quota allow, 1 or more.

    The quota is rounded: half a processor is one, 1.49 processors are one.
    """
    quota = cpu_quota(root, membership)
    rounded_quota = math.floor(quota + 0.5)
    count = min(affinity_cpus(), rounded_quota)
    return max(1, count)


def affinity_cpus() -> int:
    """Return the number of processors in the process's affinity mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(root: Path, membership: Path) -> float:
    """Return the quota of the process's cgroup in processors; MAX_CPUS for none.

    A cgroup's quota bounds all below it, so the smallest up to the root counts.
    """
    quotas = [read_quota(folder) for folder in cgroup_folders(root, membership)]
    return min(quotas, default=MAX_CPUS)


def cgroup_folders(root: Path, membership: Path) -> Iterator[Path]:
    """Yield the folders of the process's cgroups and of all that contain them.

    A line of /proc/self/cgroup is ``number:controllers:path`` (cgroups(7)); version 2
    has number 0 and no controllers. In a container the path may be the host's, of
    which only the root exists.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", maxsplit=2)
        if not controllers:
            hierarchy = root
        elif "cpu" in controllers.split(","):
            hierarchy = root / "cpu"
        else:
            continue
        cgroup = PurePosixPath(path.lstrip("/"))
        yield hierarchy / cgroup
        for parent in cgroup.parents:
            yield hierarchy / parent


def read_quota(folder: Path) -> float:
    """Return a cgroup's quota in processors; MAX_CPUS for none.

    Version 2 has quota and period in one file, version 1 a file for each:
    https://docs.kernel.org/admin-guide/cgroup-v2.html
    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            texts = [(folder / name).read_text() for name in names]
        except OSError:
            continue
        quota, period = " ".join(texts).split()
        if quota not in UNLIMITED:
            return int(quota) / int(period)
    return MAX_CPUS
