"""python -m fuzz.api 100: requests that fit the service's own OpenAPI document, and many that do not, to a real server.

The number is how many cases each operation gets at the least. All of schemathesis's checks hold for every answer.
"""

import base64
import re
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import schemathesis
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis.cli import schemathesis as command

from fuzz.png_mutator import content_of, picture
from service.api.uploads import FALSE, FORM, IMAGE_TYPES, IMAGES, TRUE
from service.oip.schemas import MAX_OUTPUTS

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SERVER = (
    ".venv/bin/python",
    "-m",
    "service",
    "--port",
    "0",
)  # the runtime's environment, not this one
# So few that any of them may come together: 8 x 16 images, each 4 x 4 times as large, is within the default limits.
MAX_OF_MANY = {
    "images": 8,
    "waypoints": 8,
    "dimensions": 8,
    "steps": 16,
    "samples": 16,
    "scale": 4,
}
answers: dict[str, Counter[int]] = {}  # of each operation, how many of each status


def main(fewest: int) -> None:
    """Fuzz every operation; end with exit code 1 at a failure, or where an operation had fewer cases."""
    with running() as url:
        try:
            command.main(
                [
                    f"--config-file={CONFIGURATION}",
                    *(
                        "run",
                        f"{url}/docs/openapi.json",
                        "--checks=all",
                        "--continue-on-failure",
                    ),
                    f"--max-examples={fewest}",
                ]
            )
        except SystemExit as end:  # as it always ends
            code = end.code
    for operation, counts in sorted(answers.items()):
        sys.stdout.write(
            f"{operation}: {counts.total()} cases, {dict(sorted(counts.items()))}\n"
        )
    sys.exit(code or min(counts.total() for counts in answers.values()) < fewest)


@contextmanager
def running() -> Iterator[str]:
    """Start the service on a free port; give its address; end it."""
    with subprocess.Popen(SERVER, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - this file's command
        log = process.stderr or ()
        url = address(log)
        rest = threading.Thread(
            target=list, args=(log,)
        )  # a full pipe would stop the server
        rest.start()
        try:
            yield url
        finally:
            process.terminate()
            rest.join()


def address(log: Iterable[str]) -> str:
    """Where a server says that it listens. Raises RuntimeError when it ends without."""
    said = []
    for line in log:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise RuntimeError("".join(said))


def image(seed: int) -> str:
    """A base64 PNG of the model's size and of any kind, with a data-URI prefix or without."""
    random = Random(seed)  # noqa: S311 - Hypothesis's number repeats it
    prefix = random.choice(("", "data:image/png;base64,"))
    return prefix + base64.b64encode(content_of(picture(random))).decode()


schemathesis.openapi.format("image", st.integers(0, 2**32).map(image))


def file(seed: int) -> bytes:
    """The same without base64."""
    return content_of(picture(Random(seed)))  # noqa: S311 - Hypothesis's number repeats it


def latent(numbers: list[float]) -> str:
    """Numbers as the base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


files = st.integers(0, 2**32).map(file)
schemathesis.openapi.format("binary", files)
for media_type in IMAGE_TYPES:
    schemathesis.openapi.media_type(media_type.decode(), files)


def infer_schema(tensor: dict[str, Any], outputs: list[str]) -> dict[str, Any]:
    """What a model of the Open Inference Protocol surely takes: a tensor that fits, and outputs that it has."""

    def exact(properties: dict[str, Any], *required: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        }

    parameters = exact({"binary_data": {"type": ["boolean", "null"]}})
    output = exact(
        {
            "name": {"enum": outputs},
            "parameters": {"anyOf": [parameters, {"type": "null"}]},
        },
        "name",
    )
    return exact(
        {
            "id": {"type": ["string", "null"]},
            "inputs": {
                "type": "array",
                "items": exact(
                    {key: {"const": value} for key, value in tensor.items()}, *tensor
                ),
                "minItems": 1,
                "maxItems": 1,
            },
            "outputs": {
                "type": ["array", "null"],
                "items": output,
                "maxItems": MAX_OUTPUTS,
            },
        },
        "inputs",
    )


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Make images and latents as above: no schema can say what their base64 is.

    Nor can it say that a tensor's numbers fit its shape. A walk has ends or waypoints.
    """
    schemas = raw_schema["components"]["schemas"]
    allow_one(schemas["GenerateRequest"], "digit")
    allow_one(schemas["TraverseRequest"], "dimensions")
    for schema in schemas.values():
        if schema.get("additionalProperties") is False:
            allow_null(schema)
    schemas["Image"] = {"type": "string", "format": "image"}
    walk = schemas["InterpolateRequest"]
    walk["anyOf"] = [given(start="object", end="object"), given(waypoints="array")]
    numbers, text = schemas["Latent"]["anyOf"]
    text["format"] = "latent"
    sizes = {f"{bound}_size": numbers[f"{bound}Items"] for bound in ("min", "max")}
    bounds = {
        f"{bound}_value": numbers["items"][f"{bound}imum"] for bound in ("min", "max")
    }
    latents = st.lists(st.floats(**bounds, width=32), **sizes).map(latent)
    schemathesis.openapi.format("latent", latents)
    for path, operations in raw_schema["paths"].items():
        if path.endswith("/infer"):
            request, answer = (
                operations["post"]["requestBody"],
                operations["post"]["responses"]["200"],
            )
            body = request["content"]["application/json"]
            (example,) = body["examples"].values()
            (answered,) = answer["content"]["application/json"]["examples"].values()
            outputs = [output["name"] for output in answered["value"]["outputs"]]
            body["schema"] = infer_schema(example["value"]["inputs"][0], outputs)
        for method, operation in operations.items():
            answers[f"{method.upper()} {path}"] = (
                Counter()
            )  # or one that is never called would not be missed
            for body in operation.get("requestBody", {}).get("content", {}).values():
                for field in body["schema"].get("properties", {}).values():
                    allow_spellings(field)
            for parameter in operation.get("parameters", []):
                allow_spellings(parameter["schema"])
            parameters = operation.get("parameters", [])
            parameters[:] = [
                each for each in parameters if each["name"] not in {"samples", "seed"}
            ]  # need sample


def allow_null(schema: dict[str, Any]) -> None:
    """Let each field that may be absent be null: the service takes both for the same.

    A point has one of its forms; the others may be null.
    """
    null = {"type": "null"}
    optional = {
        name: field
        for name, field in schema["properties"].items()
        if name not in schema.get("required", [])
    }
    if schema.pop("maxProperties", None):
        del schema["minProperties"]
        nulls = dict.fromkeys(optional, null)
        schema["anyOf"] = [
            {"required": [name], "properties": nulls | {name: field}}
            for name, field in optional.items()
        ]
    for name, field in optional.items():
        schema["properties"][name] = {"anyOf": [field, null]}


def allow_one(schema: dict[str, Any], name: str) -> None:
    """Let a field that is described as a list be one item of it without a list."""
    field = schema["properties"][name]
    item = field.get("anyOf", [field])[0]["$ref"].removesuffix("s")
    schema["properties"][name] = {"anyOf": [field, {"$ref": item}]}


def allow_spellings(field: dict[str, Any]) -> None:
    """Let a field of a form or a query be empty, and a boolean have its spellings."""
    if "items" in field:
        return
    described = dict(field)
    words = ["", *TRUE, *FALSE] if field.get("type") == "boolean" else [""]
    field.clear()
    field["anyOf"] = [described, {"enum": words}]


def given(**types: str) -> dict[str, Any]:
    """A schema of objects that have these fields, not null."""
    return {
        "required": list(types),
        "properties": {name: {"type": kind} for name, kind in types.items()},
    }


@schemathesis.hook
def map_case(_: schemathesis.HookContext, case: schemathesis.Case) -> schemathesis.Case:
    """Accept one of the types that an answer is described with: OpenAPI takes no parameter of the name Accept.

    Of what should be taken, let the fields agree: a bound that goes by several of them is more than a schema can say.
    """
    types = sorted(case.operation.definition.raw["responses"]["200"]["content"])
    if "image/png" in types:
        case.headers["Accept"] = Random(repr(case.body)).choice(types)  # noqa: S311 - the same for the same body
    wanted = (
        case.meta and case.meta.generation.mode == schemathesis.GenerationMode.POSITIVE
    )
    if wanted and isinstance(case.body, dict):
        agree(case.body)
    return case


def agree(fields: dict[str, Any]) -> None:
    """Take away what contradicts another field of a request, or makes too much of it."""
    if fields.get("digit") is not None:
        fields.pop("source", None)
    if fields.get("waypoints") is not None:
        fields.pop("start", None)
        fields.pop("end", None)
    if "images" in fields and fields.get("sample") not in {True, "true"}:
        fields.pop("samples", None)
        fields.pop("seed", None)
    for name, most in MAX_OF_MANY.items():
        value = fields.get(name)
        if isinstance(value, list):
            fields[name] = value[:most]
        elif isinstance(value, (int, float)):
            fields[name] = min(value, most)


@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out forms with an option that is a list, or nothing: with no field or one, they may be as they should."""
    if case.media_type != FORM.decode() or not isinstance(case.body, dict):
        return True
    options = (value for name, value in case.body.items() if name != IMAGES)
    return all(isinstance(value, (bool, int, float, str)) for value in options)


@schemathesis.hook
def before_generate_query(
    _: schemathesis.HookContext, __: SearchStrategy[Any]
) -> SearchStrategy[dict[str, str]]:
    """Add a query that is no operation's: one that takes no input would be asked only once."""
    return st.dictionaries(st.text().map("_{}".format), st.text())


@schemathesis.hook
def after_call(
    _: schemathesis.HookContext,
    case: schemathesis.Case,
    response: schemathesis.Response,
) -> None:
    """Count the answer."""
    answers.setdefault(case.operation.label, Counter())[response.status_code] += 1


if __name__ == "__main__":
    main(int(sys.argv[1]))
