"""A scheduler for each model; they share the processor in equal parts."""

from collections.abc import Callable, Collection, Iterable

from service.model.batching import BatchScheduler
from service.model.lane import JobThreads

# Returns, for a model, the function that is called with its pending seconds.
Reporter = Callable[[str], Callable[[float], object]]


class ModelSchedulers:
    """The schedulers of all models.

    Each batches and admits the requests of its model. Their batches take turns in the
    event loop, and their long jobs in the same threads.

    by_name: also those of models that are no longer loaded, for the requests in
        progress and for their return.
    """

    def __init__(self, max_queue_seconds: float) -> None:
        self._max_queue_seconds = max_queue_seconds
        self._threads = JobThreads()
        self._in_flight: Collection[object] = ()
        self.by_name: dict[str, BatchScheduler] = {}

    def share(self, names: Iterable[str]) -> None:
        """Add schedulers for these models, and share the processor among all."""
        for name in names:
            if name not in self.by_name:
                scheduler = BatchScheduler(self._max_queue_seconds, self._threads)
                scheduler.in_flight = self._in_flight
                self.by_name[name] = scheduler
        schedulers = list(self.by_name.values())
        for scheduler in schedulers:
            scheduler.others = [each for each in schedulers if each is not scheduler]

    def report_pending(self, reporter: Reporter) -> None:
        """Set the function that is called when a model's pending work changes."""
        for name, scheduler in self.by_name.items():
            scheduler.report_pending = reporter(name)

    def observe(self, in_flight: Collection[object]) -> None:
        """Set the requests of all models that were received and have no response."""
        self._in_flight = in_flight
        for scheduler in self.by_name.values():
            scheduler.in_flight = in_flight
