"""Request rates of several servers, measured in alternating rounds."""

from benchmarks.load import measure_rate
from benchmarks.workload import Workload

Rounds = dict[str, list[float]]  # requests per second in each round, by server
Results = dict[Workload, Rounds]


def measure_rates(
    urls: dict[str, str],
    workload: Workload,
    rounds: int,
    seconds: int,
) -> Rounds:
    """Return each server's rates, one a round.

    The servers take turns in each round: slow minutes of the machine affect all.
    """
    for url in urls.values():
        measure_rate(url, workload, 1)  # warm-up
    rates: Rounds = {name: [] for name in urls}
    for _ in range(rounds):
        for name, url in urls.items():
            rate = measure_rate(url, workload, seconds)
            rates[name].append(rate)
    return rates
