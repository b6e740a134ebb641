"""The inspector, used by KServe's own SDK."""

import json
import subprocess
from pathlib import Path

from tests.end_to_end.server import serve

# Runs where the SDK is installed; prints the outputs' first numbers as JSON.
SCRIPT = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

async def main(url):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    pixels = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
    results = {"ready": await client.is_model_ready(url, "inspector")}
    for binary in (False, True):
        tensor = InferInput("pixels", list(pixels.shape), "FP32")
        tensor.set_data_from_numpy(pixels, binary_data=binary)
        request = InferRequest("inspector", [tensor])
        response = await client.infer(url, request, model_name="inspector")
        results["bytes" if binary else "JSON"] = {
            output.name: [output.shape, output.as_numpy().ravel()[:3].tolist()]
            for output in response.outputs
        }
    print(json.dumps(results))

asyncio.run(main(sys.argv[1]))
"""


def test_kserves_client_inspects(kserve_python: Path) -> None:
    """In JSON and binary alike; noise is anomalous."""
    with serve() as server:
        done = subprocess.run(
            [kserve_python, "-c", SCRIPT, server.url],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    outputs = results["JSON"]

    assert results["ready"] is True
    assert results["bytes"] == outputs
    assert {name: shape for name, (shape, _) in outputs.items()} == {
        "score": [3, 1],
        "percentile": [3, 1],
        "anomalous": [3, 1],
        "map": [3, 28, 28],
    }
    assert outputs["anomalous"][1] == [1, 1, 1]
