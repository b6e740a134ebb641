"""Labels in messages."""

import pytest

from service.operations.label_fields import first_labels


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, "c0"), (3, "c0, c1, c2"), (21, ", c19 or 1 more"), (999, " or 979 more")],
)
def test_a_message_names_twenty_labels_at_most(count: int, shown: str) -> None:
    """Of more labels, it has the number of the others."""
    text = first_labels([f"c{number}" for number in range(count)])

    assert text.endswith(shown)
    assert text.count("c") == min(count, 20)
