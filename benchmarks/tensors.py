"""Float32 tensors over the Open Inference Protocol, beside Triton."""

import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.load import run_script
from benchmarks.servers import ENVIRONMENTS, RunningServer, Server, service, start
from benchmarks.tables import Table
from benchmarks.workload import Workload, encode, read_digits

HERE = Path(__file__).parent
SCRIPTS = {True: HERE / "tensors.lua", False: HERE / "rotate.lua"}
COUNTS = (1, 16, 64)
CONNECTIONS = 16
MAX_BODIES = 50
MAX_DIFFERENCE = 1e-4
TRITON = ENVIRONMENTS / "triton/bin/python"
OUTPUTS = {"encoder": ["mean", "log_variance"], "decoder": ["pixels"]}
INPUTS = {"encoder": "pixels", "decoder": "latent"}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TensorWorkload:
    """Requests of one size for a model.

    json_bytes: of each body, which its tensor follows; None if all is JSON.
    """

    model: str
    count: int
    bodies: list[bytes]
    json_bytes: int | None

    @property
    def is_binary(self) -> bool:
        """True if tensors are bytes."""
        return self.json_bytes is not None

    @property
    def path(self) -> str:
        """The path that the bodies are sent to."""
        return f"/v2/models/{self.model}/infer"


def tensor_tables(rounds: int, seconds: int) -> list[Table]:
    """Return the comparison with Triton, if its environment has been made."""
    if not TRITON.exists():
        return []
    triton = Server([str(TRITON), "-m", "benchmarks.rivals.triton_service"])
    rows = [
        [workload.model, form(workload), f"{workload.count}", *cells]
        for workload, cells in compare(triton, rounds, seconds)
    ]
    return [
        Table(
            "Tensors beside Triton",
            f"`/v2/models/.../infer`, {CONNECTIONS} connections; microseconds of "
            "processor time of a request, over all processes, medians of "
            f"{rounds} alternating rounds, and requests per second. Triton computes "
            "the same graphs in its Python backend, with dynamic batching.",
            [
                "model",
                "tensors",
                "items",
                "Triton, us",
                "vae-service, us",
                "ratio",
                "Triton, 1/s",
                "vae-service, 1/s",
            ],
            rows,
        )
    ]


def form(workload: TensorWorkload) -> str:
    """Return the form of a workload's tensors in a word."""
    return "binary" if workload.is_binary else "JSON"


def compare(
    triton: Server, rounds: int, seconds: int
) -> Iterator[tuple[TensorWorkload, list[str]]]:
    """Yield each workload with its cells. Raise RuntimeError if results differ."""
    workloads = list(tensor_workloads())
    first = next(each for each in workloads if not each.is_binary)
    probe = Workload("probe", first.path, [first.bodies[0].decode()])
    with start(service(), probe) as ours, start(triton, probe) as theirs:
        for workload in workloads:
            check_same(ours.url, theirs.url, workload)
            measured = [
                [measure(server, workload, seconds) for server in (theirs, ours)]
                for _ in range(rounds)
            ]
            yield workload, cells(measured)


def tensor_workloads() -> Iterator[TensorWorkload]:
    """Yield the requests of each model, form and number of items."""
    digits = read_digits()
    pixels = digits[:, np.newaxis].astype(np.float32) / np.float32(255)
    inputs = {"encoder": pixels, "decoder": np.array(encode(digits), np.float32)}
    for model, items in inputs.items():
        for is_binary in (True, False):
            for count in COUNTS:
                yield tensor_workload(model, items, count, is_binary=is_binary)


def tensor_workload(
    model: str, items: Floats, count: int, *, is_binary: bool
) -> TensorWorkload:
    """Return requests of ``count`` items each."""
    starts = range(0, len(items) - count + 1, count)[:MAX_BODIES]
    requests = [
        infer_request(model, items[start : start + count], is_binary=is_binary)
        for start in starts
    ]
    bodies = [head + tensor for head, tensor in requests]
    json_bytes = len(requests[0][0]) if is_binary else None
    return TensorWorkload(model, count, bodies, json_bytes)


def infer_request(model: str, items: Floats, *, is_binary: bool) -> tuple[bytes, bytes]:
    """Return the JSON of a request and the bytes that follow it."""
    tensor = items.tobytes() if is_binary else b""
    data: dict[str, object] = {"data": items.ravel().tolist()}
    if is_binary:
        data = {"parameters": {"binary_data_size": len(tensor)}}
    request = {
        "inputs": [
            {
                "name": INPUTS[model],
                "shape": list(items.shape),
                "datatype": "FP32",
                **data,
            }
        ],
        "outputs": [
            {"name": name, "parameters": {"binary_data": is_binary}}
            for name in OUTPUTS[model]
        ],
    }
    return json.dumps(request).encode(), tensor


def check_same(first: str, second: str, workload: TensorWorkload) -> None:
    """Raise RuntimeError if two servers give different results for a request."""
    results = [infer(url, workload) for url in (first, second)]
    for name in OUTPUTS[workload.model]:
        ours, theirs = (result[name] for result in results)
        if not np.allclose(ours, theirs, atol=MAX_DIFFERENCE):
            raise RuntimeError(f"{workload.path}: different results")


def infer(url: str, workload: TensorWorkload) -> dict[str, Floats]:
    """Return the outputs for a workload's first body, by name."""
    headers = {"Content-Type": "application/json"}
    if workload.json_bytes is not None:
        headers = {"Inference-Header-Content-Length": f"{workload.json_bytes}"}
    response = httpx.post(
        url + workload.path, content=workload.bodies[0], headers=headers, timeout=30
    ).raise_for_status()
    content = response.content
    length = response.headers.get("Inference-Header-Content-Length", len(content))
    description = json.loads(content[: int(length)])
    tensors = content[int(length) :]
    outputs = {}
    for output in description["outputs"]:
        if "data" in output:
            values = np.array(output["data"], np.float32)
        else:
            size = output["parameters"]["binary_data_size"]
            values = np.frombuffer(tensors[:size], np.float32)
            tensors = tensors[size:]
        outputs[output["name"]] = values
    return outputs


def measure(
    server: RunningServer, workload: TensorWorkload, seconds: int
) -> tuple[float, float]:
    """Return the microseconds of processor time of a request, and the rate."""
    before = server.cpu_seconds()
    with tempfile.NamedTemporaryFile(suffix=".bodies") as bodies:
        separator = b"" if workload.is_binary else b"\n"
        for body in workload.bodies:
            bodies.write(body + separator)
        bodies.flush()
        arguments = [bodies.name]
        if workload.is_binary:
            arguments += [f"{len(workload.bodies[0])}", f"{workload.json_bytes}"]
        script = [str(SCRIPTS[workload.is_binary]), server.url + workload.path]
        count, duration = run_script([*script, "--", *arguments], seconds, CONNECTIONS)
    used = server.cpu_seconds() - before
    # wrk does not count the request that each connection waits for at the end.
    return 1e6 * used / (count + CONNECTIONS), count / duration


def cells(measured: list[list[tuple[float, float]]]) -> list[str]:
    """Return the cells of a row: of each round, Triton's measurement and ours."""
    theirs, ours = zip(*measured, strict=True)
    ratio = statistics.median(
        their[0] / our[0] for their, our in zip(theirs, ours, strict=True)
    )
    costs = [statistics.median(cost for cost, _ in each) for each in (theirs, ours)]
    rates = [statistics.median(rate for _, rate in each) for each in (theirs, ours)]
    return [
        *(f"{cost:,.0f}" for cost in costs),
        f"{ratio:.2f}",
        *(f"{rate:,.0f}" for rate in rates),
    ]
