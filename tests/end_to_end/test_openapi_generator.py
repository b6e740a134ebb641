"""Clients that openapi-generator makes from the OpenAPI document."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import OpenapiGenerator
from tests.end_to_end.server import Server, serve
from tests.samples import card_examples, pixels_of

PYTHON = """
import json, sys
from client import ApiClient, ApiException, Configuration, OperationsApi
from client import DecodeRequest, EncodeRequest, LatentPoint, InterpolateRequest

url, digit = sys.argv[1:]
with ApiClient(Configuration(host=url)) as connection:
    api = OperationsApi(connection)
    mean = api.encode(EncodeRequest(images=[digit])).latents[0].mean
    image = api.decode(DecodeRequest(latents=[mean])).images[0]
    ends = LatentPoint(image=digit), LatentPoint(latent=mean)
    path = InterpolateRequest(start=ends[0], end=ends[1], steps=4)
    weights = api.interpolate(path).weights
    try:
        api.decode(DecodeRequest(latents=[[0]]))
    except ApiException as error:
        pointer = error.data.errors[0].pointer
print(json.dumps({"image": image, "steps": len(weights), "pointer": pointer}))
"""
TYPESCRIPT = """
import * as client from "./client";
declare const process: { argv: string[] };
const [url, digit] = process.argv.slice(2) as [string, string];
const configuration = new client.Configuration({ basePath: url });
const api = new client.OperationsApi(configuration);
const encoded = await api.encode({ encodeRequest: { images: [digit] } });
const mean: number[] = encoded.latents[0]!.mean;
const decoded = await api.decode({ decodeRequest: { latents: [mean] } });
const path = { start: { image: digit }, end: { latent: mean }, steps: 4 };
const walk = await api.interpolate({ interpolateRequest: path });
let pointer = "";
try {
  await api.decode({ decodeRequest: { latents: [[0]] } });
} catch (error) {
  if (!(error instanceof client.ResponseError)) throw error;
  const problem = client.ProblemFromJSON(await error.response.json());
  pointer = problem.errors![0]!.pointer;
}
const steps = walk.weights.length;
console.log(JSON.stringify({ image: decoded.images[0], steps, pointer }));
"""
JAVA = """
import client.*;
import client.api.OperationsApi;
import client.model.*;
import java.math.BigDecimal;
import java.util.List;

class Program {
  public static void main(String[] arguments) throws Exception {
    ApiClient connection = new ApiClient();
    connection.updateBaseUri(arguments[0]);
    OperationsApi api = new OperationsApi(connection);
    String digit = arguments[1];
    EncodeRequest request = new EncodeRequest().addImagesItem(digit);
    List<BigDecimal> mean = api.encode(request).getLatents().get(0).getMean();
    String image = api.decode(new DecodeRequest().addLatentsItem(mean)).getImages().get(0);
    InterpolateRequest path = new InterpolateRequest()
        .start(new LatentPoint().image(digit)).end(new LatentPoint().latent(mean)).steps(4);
    int steps = api.interpolate(path).getWeights().size();
    String pointer = "";
    try {
      api.decode(new DecodeRequest().addLatentsItem(List.of(BigDecimal.ZERO)));
    } catch (ApiException error) {
      Problem problem = ApiClient.createDefaultObjectMapper()
          .readValue(error.getResponseBody(), Problem.class);
      pointer = problem.getErrors().get(0).getPointer();
    }
    System.out.printf(
        "{\\"image\\": \\"%s\\", \\"steps\\": %d, \\"pointer\\": \\"%s\\"}", image, steps, pointer);
  }
}
"""
# Of Java EE: no longer in the JDK.
GENERATED_ANNOTATION = """
package javax.annotation;
public @interface Generated { String value(); String date(); String comments(); }
"""
COMPILER_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running server."""
    with serve("--workers", "1") as server:
        yield server


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder and return its output; check that it succeeds."""
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def generate(
    server: Server, tool: OpenapiGenerator, name: str, folder: Path, *options: str
) -> None:
    """Generate a client in the folder ``client`` of a folder."""
    with server.client() as client:
        document = client.get("/openapi.json").content
    (folder / "openapi.json").write_bytes(document)
    generator = ("generate", "-i", "openapi.json", "-g", name)
    run(tool.java, "-jar", tool.jar, *generator, *options, folder=folder)


def check_output(output: str, digit: str) -> None:
    """Check what a program has printed: the digit's reconstruction, and more."""
    result = json.loads(output)
    difference = pixels_of(result["image"]) / 255 - pixels_of(digit) / 255
    assert np.abs(difference).mean() < 0.05
    assert result["steps"] == 4
    assert result["pointer"] == "#/latents/0"


def test_a_python_client_calls(
    server: Server, openapi_generator: OpenapiGenerator, tmp_path: Path
) -> None:
    """Its models accept requests and responses."""
    digit = card_examples()[0]
    options = ("-o", ".", "--package-name", "client")
    generate(server, openapi_generator, "python", tmp_path, *options)
    (tmp_path / "program.py").write_text(PYTHON)
    python = openapi_generator.python
    output = run(python, "program.py", server.url, digit, folder=tmp_path)

    check_output(output, digit)


def test_a_typescript_client_compiles_and_calls(
    server: Server,
    openapi_generator: OpenapiGenerator,
    node_modules: Path,
    tmp_path: Path,
) -> None:
    """With strict types; latents are lists of numbers."""
    digit = card_examples()[0]
    generate(server, openapi_generator, "typescript-fetch", tmp_path, "-o", "client")
    configuration = {"compilerOptions": COMPILER_OPTIONS, "include": ["program.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(configuration))
    (tmp_path / "program.ts").write_text(TYPESCRIPT)
    tools = node_modules / ".bin"
    run(tools / "tsc", "--project", "tsconfig.json", folder=tmp_path)
    bundle = ("--bundle", "--platform=node", "--format=esm", "--outfile=program.mjs")
    run(tools / "esbuild", "program.ts", *bundle, folder=tmp_path)
    output = run("node", "program.mjs", server.url, digit, folder=tmp_path)

    check_output(output, digit)


def test_a_java_client_compiles_and_calls(
    server: Server, openapi_generator: OpenapiGenerator, tmp_path: Path
) -> None:
    """With the HTTP client of the JDK and Jackson, which the generator's jar has."""
    digit = card_examples()[0]
    packages = "apiPackage=client.api,modelPackage=client.model,invokerPackage=client"
    properties = ("--additional-properties", f"openApiNullable=false,{packages}")
    options = ("-o", ".", "--library", "native", *properties)
    generate(server, openapi_generator, "java", tmp_path, *options)
    (tmp_path / "Program.java").write_text(JAVA)
    (tmp_path / "Generated.java").write_text(GENERATED_ANNOTATION)
    sources = [*(tmp_path / "src" / "main").rglob("*.java"), *tmp_path.glob("*.java")]
    jar = openapi_generator.jar
    compile_java = (openapi_generator.javac, "-nowarn", "-cp", jar, "-d", "classes")
    run(*compile_java, *sources, folder=tmp_path)
    program = (openapi_generator.java, "-cp", f"classes:{jar}", "Program")
    output = run(*program, server.url, digit, folder=tmp_path)

    check_output(output, digit)
