"""python -m fuzz.api 100: valid and invalid requests to a real server.

The number is the minimum of cases for each operation. schemathesis generates them from
the service's OpenAPI document and applies all of its checks to every response.
"""

import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import schemathesis
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis.cli import schemathesis as command

from fuzz.api_formats import register_images
from fuzz.api_schema import (
    describe_images,
    describe_inference,
    describe_interpolations,
    describe_latents,
    describe_lists,
    describe_optional_rates,
    describe_rates,
    describe_spellings,
    remove_dependent_parameters,
)
from fuzz.server import running
from service.api.uploads import FORM, IMAGES

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# Any combination is within the default limits: 8 x 16 images, each enlarged 4 x 4
# times.
MAX_VALUES = {
    "images": 8,
    "waypoints": 8,
    "dimensions": 8,
    "steps": 16,
    "samples": 16,
    "scale": 4,
}
statuses: dict[str, Counter[int]] = {}  # responses by status, for each operation

register_images()


def main(min_cases: int) -> None:
    """Fuzz every operation.

    End with exit code 1 at a failure, or if an operation had too few cases.
    """
    with running() as url:
        code = run(url, min_cases)
    for operation, counts in sorted(statuses.items()):
        by_status = dict(sorted(counts.items()))
        sys.stdout.write(f"{operation}: {counts.total()} cases, {by_status}\n")
    totals = [counts.total() for counts in statuses.values()]
    too_few = min(totals, default=0) < min_cases
    sys.exit(code or too_few)


def run(url: str, min_cases: int) -> str | int | None:
    """Run schemathesis on a server; return its exit code."""
    arguments = [
        f"--config-file={CONFIGURATION}",
        "run",
        f"{url}/docs/openapi.json",
        "--checks=all",
        "--continue-on-failure",
        f"--max-examples={min_cases}",
    ]
    try:
        command.main(arguments)
    except SystemExit as end:  # raised in every case
        return end.code
    return None


@schemathesis.hook
def before_load_schema(
    _: schemathesis.HookContext,
    raw_schema: dict[str, Any],
) -> None:
    """Describe valid requests exactly, and list all operations."""
    schemas = raw_schema["components"]["schemas"]
    describe_images(schemas)
    describe_interpolations(schemas)
    describe_latents(schemas)
    describe_lists(schemas)
    describe_rates(schemas["InspectRequest"]["properties"])
    for path, operations in raw_schema["paths"].items():
        if path.endswith("/infer"):
            describe_inference(operations["post"])
        for method, operation in operations.items():
            # An operation that is never called must be noticed.
            statuses[f"{method.upper()} {path}"] = Counter()
            remove_dependent_parameters(operation)
            describe_optional_rates(operation)
            describe_spellings(operation)


@schemathesis.hook
def map_case(
    _: schemathesis.HookContext,
    case: schemathesis.Case,
) -> schemathesis.Case:
    """Choose a media type to accept, and resolve contradictions in valid requests.

    OpenAPI does not allow a parameter named Accept, and a schema cannot express limits
    that concern several fields.
    """
    response = case.operation.definition.raw["responses"]["200"]
    types = sorted(response["content"])
    if "image/png" in types:
        random = Random(repr(case.body))  # noqa: S311 - the same for the same body
        case.headers["Accept"] = random.choice(types)
    if is_valid(case) and isinstance(case.body, dict):
        resolve_contradictions(case.body)
        if "threshold" in case.body and case.query:
            case.query.pop("false_alarm_rate", None)
    return case


def is_valid(case: schemathesis.Case) -> bool:
    """Return True if a case is meant to be accepted."""
    if not case.meta:
        return False
    mode = case.meta.generation.mode
    return bool(mode == schemathesis.GenerationMode.POSITIVE)


def resolve_contradictions(fields: dict[str, Any]) -> None:
    """Remove what contradicts another field of a request, and limit its size."""
    if fields.get("label") is not None:
        fields.pop("source", None)
    if fields.get("waypoints") is not None:
        fields.pop("start", None)
        fields.pop("end", None)
    if fields.get("threshold") is not None:
        fields.pop("false_alarm_rate", None)
    if "images" in fields and fields.get("sample") not in {True, "true"}:
        fields.pop("samples", None)
        fields.pop("seed", None)
    for name, limit in MAX_VALUES.items():
        value = fields.get(name)
        if isinstance(value, list):
            fields[name] = value[:limit]
        elif isinstance(value, (int, float)):
            fields[name] = min(value, limit)


@schemathesis.hook
def filter_case(
    _: schemathesis.HookContext,
    case: schemathesis.Case,
) -> bool:
    """Skip requests that are valid although the schema does not say so.

    A null field is the same as an absent one. As form fields, so are a list of one and
    an empty text.
    """
    if not is_valid(case) and has_null_field(case.body):
        return False
    if case.media_type != FORM.decode() or not isinstance(case.body, dict):
        return True
    if not is_valid(case) and "" in case.body.values():
        return False
    for name, value in case.body.items():
        if name != IMAGES and not isinstance(value, (bool, int, float, str)):
            return False
    return True


def has_null_field(value: object) -> bool:
    """Return True if any field of a JSON value is null."""
    if isinstance(value, dict):
        return any(item is None or has_null_field(item) for item in value.values())
    return isinstance(value, list) and any(map(has_null_field, value))


@schemathesis.hook
def before_generate_query(
    _: schemathesis.HookContext,
    __: SearchStrategy[Any],
) -> SearchStrategy[dict[str, str]]:
    """Add an unknown query: an operation without input would have only one case."""
    names = st.text().map("_{}".format)
    return st.dictionaries(names, st.text())


@schemathesis.hook
def after_call(
    _: schemathesis.HookContext,
    case: schemathesis.Case,
    response: schemathesis.Response,
) -> None:
    """Count the response."""
    counts = statuses.setdefault(case.operation.label, Counter())
    counts[response.status_code] += 1


if __name__ == "__main__":
    main(int(sys.argv[1]))
