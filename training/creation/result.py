"""The result of `create`, from the card of the evaluated model."""

from training.artifact.model_card import Card

JITTER_HINT = (
    "if the parts lie in the same place in every picture, --jitter finds more defects"
)


def describe_result(card: Card) -> str:
    """Return the share of defects found, or the squared error without such images."""
    inspection = card.get("inspection")
    if inspection is not None and inspection["quality"] is not None:
        return describe_detection(card)
    return describe_error(card)


def describe_detection(card: Card) -> str:
    """Return the number of defects found at the default false-alarm rate.

    ``--jitter`` is recommended if defects were missed and training did not use it.
    """
    inspection = card["inspection"]
    quality = inspection["quality"]
    rate = f"{inspection['false_alarm_rate']:g}"
    counts = quality["images_by_defect"]
    recall = quality["recall"][rate]
    found = sum(round(recall[kind] * counts[kind]) for kind in counts)
    false_alarms = quality["false_alarms"][rate]
    defects = sum(counts.values())
    text = (
        f"found {found:,} of {defects:,} defects, "
        f"with {100 * false_alarms:.1f} % false alarms on good pictures"
    )
    if found < defects and not card["training"]["jitter"]:
        return f"{text}\n{JITTER_HINT}"
    return text


def describe_error(card: Card) -> str:
    """Return the squared error per pixel, and the linear model's if it was measured."""
    quality = card["quality"]
    text = f"squared error per pixel: {quality['squared_error_per_pixel']:.5f}"
    if "linear" not in quality:
        return text
    linear = quality["linear"]["squared_error_per_pixel"]
    return f"{text}; of the linear model: {linear:.5f}"
