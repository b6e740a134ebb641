"""Float32 tensors over the Open Inference Protocol, beside Triton."""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.load import CONNECTIONS, post
from benchmarks.servers import ENVIRONMENTS, Server, service, start
from benchmarks.tables import Table, ratios
from benchmarks.usage import Usage, measure_usage
from benchmarks.workload import MODEL, Workload, encode, read_digits

COUNTS = (1, 16, 64)
MAX_BODIES = 50
MAX_DIFFERENCE = 1e-4
TRITON = ENVIRONMENTS / "triton/bin/python"
OUTPUTS = {"encoder": ["mean", "log_variance"], "decoder": ["pixels"]}
INPUTS = {"encoder": "pixels", "decoder": "latent"}
HEADINGS = [
    "tensors",
    "Triton, us",
    "vae-service, us",
    "ratio",
    "Triton, 1/s",
    "vae-service, 1/s",
]

Floats = NDArray[np.float32]


def tensor_tables(rounds: int, seconds: int) -> list[Table]:
    """Return the comparison with Triton, if its environment has been made."""
    digits = read_digits()
    pixels = digits[:, np.newaxis].astype(np.float32) / np.float32(255)
    items = {"encoder": pixels, "decoder": np.array(encode(digits), np.float32)}
    workloads = [
        tensor_workload(model, items[model], count, is_binary=is_binary)
        for model in items
        for is_binary in (True, False)
        for count in COUNTS
    ]
    rows = compare_with_triton(MODEL, workloads, rounds, seconds)
    if not rows:
        return []
    return [
        Table(
            "Tensors beside Triton",
            f"`/v2/models/.../infer`, {CONNECTIONS} connections; microseconds of "
            "processor time of a request, over all processes, medians of "
            f"{rounds} alternating rounds, and requests per second. Triton computes "
            "the same graphs in its Python backend, with dynamic batching.",
            HEADINGS,
            rows,
        )
    ]


def compare_with_triton(
    model: Path,
    workloads: Sequence[Workload],
    rounds: int,
    seconds: int,
    connections: int = CONNECTIONS,
) -> list[list[str]]:
    """Return a row for each workload; none if Triton has no environment.

    Raise RuntimeError if results differ.
    """
    if not TRITON.exists():
        return []
    module = "benchmarks.rivals.triton_service"
    triton = Server([str(TRITON), "-m", module, str(model)])
    ours = service("--model", str(model))
    rows = []
    with start(ours, workloads[0]) as us, start(triton, workloads[0]) as them:
        for workload in workloads:
            check_same(us.url, them.url, workload)
            turns = [
                [
                    measure_usage(server, workload, seconds, connections)
                    for server in (them, us)
                ]
                for _ in range(rounds)
            ]
            rows.append([workload.name, *usage_cells(turns)])
    return rows


def tensor_workload(
    model: str, items: Floats, count: int, *, is_binary: bool
) -> Workload:
    """Return requests of ``count`` items each for a model of the protocol."""
    starts = range(0, len(items) - count + 1, count)[:MAX_BODIES]
    requests = [
        infer_request(model, items[start : start + count], is_binary=is_binary)
        for start in starts
    ]
    form = "binary" if is_binary else "JSON"
    return Workload(
        f"{model}, {form}, {count}",
        f"/v2/models/{model}/infer",
        [head + tensor for head, tensor in requests],
        len(requests[0][0]) if is_binary else None,
    )


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


def check_same(first: str, second: str, workload: Workload) -> None:
    """Raise RuntimeError if two servers give different results for a request."""
    ours, theirs = (dict(infer(url, workload)) for url in (first, second))
    for name, values in ours.items():
        if not np.allclose(values, theirs[name], atol=MAX_DIFFERENCE):
            raise RuntimeError(f"{workload.path}: different results")


def infer(url: str, workload: Workload) -> Iterator[tuple[str, Floats]]:
    """Yield the name and the values of each output for a workload's first body."""
    response = post(url, workload).raise_for_status()
    content = response.content
    length = response.headers.get("Inference-Header-Content-Length", len(content))
    description = json.loads(content[: int(length)])
    tensors = content[int(length) :]
    for output in description["outputs"]:
        if "data" in output:
            values = np.array(output["data"], np.float32)
        else:
            size = output["parameters"]["binary_data_size"]
            values = np.frombuffer(tensors[:size], np.float32)
            tensors = tensors[size:]
        yield output["name"], values


def usage_cells(turns: Sequence[Sequence[Usage]]) -> list[str]:
    """Return the cells of a row: of each round, Triton's usage and ours."""
    theirs, ours = zip(*turns, strict=True)
    costs = [[usage.cost for usage in each] for each in (theirs, ours)]
    rates = [[usage.rate for usage in each] for each in (theirs, ours)]
    return [
        *(f"{1e6 * statistics.median(each):,.0f}" for each in costs),
        f"{statistics.median(ratios(*costs)):.2f}",
        *(f"{statistics.median(each):,.0f}" for each in rates),
    ]
