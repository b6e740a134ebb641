"""Which of the types that can be given a client would rather have (RFC 9110, 12.5.1)."""

import re
from collections.abc import Sequence

WEIGHT = re.compile(rb"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def preferred_type(accept: bytes, offers: Sequence[bytes]) -> bytes | None:
    """The offer that an Accept header gives the greatest weight, of equals the first; None if it takes none."""
    weights = dict(weighted_range(part) for part in accept.lower().split(b","))
    best = max(offers, key=lambda offer: weight_of(offer, weights))
    return best if weight_of(best, weights) else None


def weighted_range(part: bytes) -> tuple[bytes, float]:
    """A media range and its weight, 0 to 1; without a valid one it is 1, and other parameters do not matter."""
    media_range, *parameters = part.replace(b" ", b"").replace(b"\t", b"").split(b";")
    given = [
        found[1] for parameter in parameters if (found := WEIGHT.fullmatch(parameter))
    ]
    return media_range, float(given[0]) if given else 1.0


def weight_of(media_type: bytes, weights: dict[bytes, float]) -> float:
    """The weight of the narrowest range that has the type; 0 if none has."""
    ranges = (media_type, media_type.partition(b"/")[0] + b"/*", b"*/*")
    return next(
        (weights[media_range] for media_range in ranges if media_range in weights), 0.0
    )
