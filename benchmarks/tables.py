"""Tables of results in Markdown, and the summaries in their cells."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings, with a title and an explanation."""

    title: str
    text: str
    headings: list[str]
    rows: list[list[str]]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table in Markdown."""
        yield f"\n## {self.title}\n"
        yield f"{self.text}\n"
        yield from table_lines(self.headings, self.rows)


def table_lines(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield table_row(headings)
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield table_row(row)


def table_row(cells: Sequence[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float]) -> str:
    """Return the median with the lowest and highest value."""
    median = statistics.median(values)
    return f"{median:.2f} ({min(values):.2f}-{max(values):.2f})"


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    pairs = zip(numerators, denominators, strict=True)
    return [numerator / denominator for numerator, denominator in pairs]


def ratio_cells(
    ours: Sequence[float],
    theirs: Sequence[float],
    precision: str,
) -> list[str]:
    """Return both medians and the median of the rounds' ratios.

    precision: format of the medians.
    """
    our_median = statistics.median(ours)
    their_median = statistics.median(theirs)
    ratio = statistics.median(ratios(ours, theirs))
    return [
        format(our_median, precision),
        format(their_median, precision),
        f"{ratio:.2f}",
    ]
