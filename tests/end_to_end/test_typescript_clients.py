"""TypeScript clients that others would generate from the OpenAPI document.

NSwag and Kiota are not tried: they need .NET.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.server import Server, serve
from tests.samples import card_examples, pixels_of

COMPILER_OPTIONS = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
}
# What each program does, with the functions of its client.
PROGRAM = """
declare const process: { argv: string[] };
const digit = process.argv[2]!;
const encoded = await encode({ images: [digit] });
const decoded = await decode({ latents: [encoded.latents[0]!.mean] });
const reconstructed = await reconstruct({ images: [digit], fit: "none" });
const generated = await generate({ label: ["3"], count: 2, seed: 1 });
const traversed = await traverse({ start: { label: "3" }, dimensions: [1, 2], steps: 3 });
const walk = await interpolate({ start: { image: digit }, end: { label: "3" }, steps: 4 });
console.log(JSON.stringify({
  decoded: decoded.images[0],
  reconstructed: reconstructed.images[0],
  counts: [generated.images.length, traversed.images.length, walk.weights.length],
  pointer: await pointer({ latents: [[0]] }),
}));
"""
NAMES = ("encode", "decode", "reconstruct", "generate", "traverse", "interpolate")


def openapi_fetch_program(url: str) -> str:
    """Return a program that uses openapi-typescript's types with openapi-fetch."""
    functions = "".join(
        f"""
type {name} = paths["/{name}"]["post"]["requestBody"]["content"]["application/json"];
const {name} = async (body: {name}) => (await client.POST("/{name}", {{ body }})).data!;
"""
        for name in NAMES
    )
    return f"""
import createClient from "openapi-fetch";
import type {{ paths }} from "./generated/types";
const client = createClient<paths>({{ baseUrl: "{url}" }});
{functions}
const pointer = async (body: decode) =>
  (await client.POST("/decode", {{ body }})).error!.errors![0]!.pointer;
{PROGRAM}"""


def hey_api_program(url: str) -> str:
    """Return a program that uses hey-api's functions."""
    functions = "".join(
        f"""
const {name} = async (body: Parameters<typeof api.{name}>[0]["body"]) =>
  (await api.{name}({{ body, throwOnError: true }})).data;
"""
        for name in NAMES
    )
    return f"""
import * as api from "./generated";
import {{ client }} from "./generated/client.gen";
import type {{ DecodeRequest }} from "./generated";
client.setConfig({{ baseUrl: "{url}" }});
{functions}
const pointer = async (body: DecodeRequest) => {{
  const {{ error }} = await api.decode({{ body }});
  return error!.errors![0]!.pointer;
}};
{PROGRAM}"""


def orval_program(_: str) -> str:
    """Return a program that uses orval's functions; the address is generated."""
    functions = "".join(
        f"""
const {name} = async (body: Parameters<typeof api.{name}>[0]) => {{
  const response = await api.{name}(body);
  if (response.status !== 200) throw new Error(JSON.stringify(response));
  return response.data;
}};
"""
        for name in NAMES
    )
    return f"""
import * as api from "./generated/api";
{functions}
const pointer = async (body: Parameters<typeof api.decode>[0]) => {{
  const response = await api.decode(body);
  if (response.status === 200) throw new Error("not rejected");
  return response.data.errors![0]!.pointer;
}};
{PROGRAM}"""


def orval_configuration(url: str) -> str:
    """Return orval's configuration for a client that uses fetch."""
    output = {
        "target": "generated/api.ts",
        "schemas": "generated/model",
        "client": "fetch",
        "mode": "split",
        "baseUrl": url,
    }
    client = {"input": "openapi.json", "output": output}
    return f"module.exports = {json.dumps({'client': client})};"


GENERATORS = {
    "openapi-typescript": (
        ("openapi-typescript", "openapi.json", "-o", "generated/types.d.ts"),
        openapi_fetch_program,
    ),
    "hey-api": (
        ("openapi-ts", "-i", "openapi.json", "-o", "generated"),
        hey_api_program,
    ),
    "orval": (("orval", "--config", "orval.config.cjs"), orval_program),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running server."""
    with serve("--workers", "1") as server:
        yield server


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generated_client_compiles_and_calls(
    server: Server, node_modules: Path, tmp_path: Path, generator: str
) -> None:
    """With default options, strict types and no casts; a rejection has its type too."""

    def run(*command: str) -> str:
        ended = subprocess.run(
            [node_modules / ".bin" / command[0], *command[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    generate, program = GENERATORS[generator]
    (tmp_path / "node_modules").symlink_to(node_modules)
    with server.client() as client:
        document = client.get("/openapi.json").content
    configuration = {"compilerOptions": COMPILER_OPTIONS, "include": ["program.ts"]}
    (tmp_path / "openapi.json").write_bytes(document)
    (tmp_path / "tsconfig.json").write_text(json.dumps(configuration))
    (tmp_path / "orval.config.cjs").write_text(orval_configuration(server.url))
    (tmp_path / "program.ts").write_text(program(server.url))
    run(*generate)
    run("tsc", "--project", "tsconfig.json")
    bundle = ("--bundle", "--platform=node", "--format=esm", "--outfile=program.mjs")
    run("esbuild", "program.ts", *bundle)

    digit = card_examples()[0]
    ended = subprocess.run(
        ["node", "program.mjs", digit],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(ended.stdout)
    assert result["decoded"] == result["reconstructed"]
    difference = pixels_of(result["decoded"]) / 255 - pixels_of(digit) / 255
    assert np.abs(difference).mean() < 0.05
    assert result["counts"] == [2, 6, 4]
    assert result["pointer"] == "#/latents/0"
