"""Splits by hash, for any contents and groups."""

import hashlib
from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from training.data.errors import DataError
from training.data.splits import Shares, calibration_share, split_pictures

# Content and group of each picture; few of both, so that copies are frequent.
PICTURES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), min_size=1)
SHARES = st.sampled_from([Shares(0.3, 0.1), Shares(0.2, 0.0), Shares(0.0, 0.0)])


def sha256(content: int) -> bytes:
    """Return the hash of a picture's content."""
    return hashlib.sha256(f"content {content}".encode()).digest()


@given(pictures=PICTURES, grouped=st.booleans(), shares=SHARES)
def test_copies_and_groups_stay_together(
    pictures: list[tuple[int, int]], shares: Shares, *, grouped: bool
) -> None:
    """Each picture is in one split, with its copies and its group, or none is."""
    hashes = {str(n): sha256(content) for n, (content, _) in enumerate(pictures)}
    groups = {str(n): f"group {group}" for n, (_, group) in enumerate(pictures)}
    try:
        splits = split_pictures(hashes, groups if grouped else {}, shares)
    except DataError:
        assert len(set(hashes.values())) < 3 or grouped
        return
    assert splits.keys() == hashes.keys()
    sides = defaultdict(set)
    for name, split in splits.items():
        sides[hashes[name]].add(split)
        if grouped:
            sides[groups[name].encode()].add(split)
    assert all(len(side) == 1 for side in sides.values())


@given(pictures=st.sets(st.integers(), min_size=3), shares=SHARES)
def test_each_split_with_a_share_gets_pictures(
    pictures: set[int], shares: Shares
) -> None:
    """The counts are the shares, rounded up, but training always has a picture."""
    hashes = {str(content): sha256(content) for content in pictures}

    counts = Counter(split_pictures(hashes, {}, shares).values())

    assert counts["train"] > 0
    assert (counts["test"] > 0) == (shares.test > 0)
    assert (counts["calibration"] > 0) == (shares.calibration > 0)
    assert abs(counts["test"] - shares.test * len(pictures)) <= 1


@given(pictures=st.sets(st.integers(), min_size=3))
def test_names_and_order_do_not_matter(pictures: set[int]) -> None:
    """A picture's split depends on the contents alone."""
    shares = Shares(0.3, 0.1)
    names = sorted(pictures)
    hashes = {str(content): sha256(content) for content in names}
    renamed = {f"x{content}": sha256(content) for content in reversed(names)}

    splits = split_pictures(hashes, {}, shares)
    others = split_pictures(renamed, {}, shares)

    assert others == {f"x{name}": split for name, split in splits.items()}


def test_small_sets_give_calibration_a_larger_share() -> None:
    """Under 1,000 pictures it is 20 to 30 %."""
    shares = [calibration_share(count) for count in (20, 299, 300, 999, 1000)]

    assert shares == [0.3, 0.3, 0.2, 0.2, 0.1]
