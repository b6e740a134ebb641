"""Description of the labels that the loaded model has."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def describe_labels(schemas: Json, labels: Sequence[str]) -> None:
    """Set the names that a label may have, or remove the fields if there are none."""
    if labels:
        set_labels(schemas["Label"], labels)
    else:
        remove_labels(schemas)


def set_labels(schema: Json, labels: Sequence[str]) -> None:
    """Set the names that a label may have. A numeral may also be sent as a number."""
    names = {"type": "string", "enum": list(labels)}
    del schema["type"]
    numerals = [label for label in labels if is_numeral(label)]
    if numerals:
        numbers = {"type": "integer", "enum": list(map(int, numerals))}
        schema["anyOf"] = [names, numbers]
    else:
        schema.update(names)


def is_numeral(label: str) -> bool:
    """Return whether a label is a whole number as JSON writes it."""
    try:
        return str(int(label)) == label
    except ValueError:
        return False


def remove_labels(schemas: Json) -> None:
    """Remove the fields of labels, which a model without classes rejects."""
    for schema in schemas.values():
        schema.get("properties", {}).pop("label", None)
    del schemas["GenerateResponse"]["properties"]["labels"]
