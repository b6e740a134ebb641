"""Recent work of a model, to compare models by what they have to compute."""

from math import exp, inf

DECAY_SECONDS = 1.0
ACTIVE_SECONDS = 1.0  # after its last job, a model is likely to have another


class RecentWork:
    """Sum of the costs of jobs, which decreases by a factor of e each second."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._time = -inf  # of the last job

    def add(self, cost: float, now: float) -> None:
        """Add the cost of a job that came now."""
        self._sum = cost + self.at(now)
        self._time = now

    def is_active(self, now: float) -> bool:
        """Return whether the last job came a short time ago."""
        return now - self._time < ACTIVE_SECONDS

    def at(self, now: float) -> float:
        """Return the sum at a time that is not before the last job's."""
        return self._sum * exp((self._time - now) / DECAY_SECONDS)
