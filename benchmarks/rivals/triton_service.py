"""Triton: python -m benchmarks.rivals.triton_service MODEL PORT.

The server's binary and its Python backend come with the package nvidia-pytriton; its
own Python front is not used. Dynamic batching is on.
"""

import json
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

PACKAGES = Path(sysconfig.get_path("purelib"))
SERVER = PACKAGES / "pytriton/tritonserver"
MAX_ITEMS = 64
MODELS = {
    "encoder": ("pixels", ["mean", "log_variance"]),
    "decoder": ("latent", ["pixels"]),
}
CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: {items}
input [{inputs}]
output [{outputs}]
dynamic_batching {{}}
"""
# The backend runs this file in a process of its own.
MODEL = """\
import numpy as np
import onnxruntime
import triton_python_backend_utils as backend


class TritonPythonModel:
    def initialize(self, arguments):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            {graph!r}, options, providers=["CPUExecutionProvider"]
        )

    def execute(self, requests):
        batches = [
            backend.get_input_tensor_by_name(request, {input!r}).as_numpy()
            for request in requests
        ]
        together = np.concatenate(batches) if len(batches) > 1 else batches[0]
        results = self.session.run({outputs!r}, {{{input!r}: together}})
        responses = []
        start = 0
        for batch in batches:
            end = start + len(batch)
            tensors = [
                backend.Tensor(name, result[start:end])
                for name, result in zip({outputs!r}, results)
            ]
            responses.append(backend.InferenceResponse(tensors))
            start = end
        return responses
"""


def main() -> None:
    """Write a model repository, and become the server."""
    folder, port = sys.argv[1:]
    repository = Path(tempfile.mkdtemp(prefix="triton-"))
    for name in MODELS:
        write_model(repository / name, Path(folder).resolve(), name)
    backends = SERVER / "backends"
    link_stub(backends / "python")
    binary = SERVER / "bin/tritonserver"
    binary.chmod(0o755)
    libraries = [sysconfig.get_config_var("LIBDIR"), PACKAGES / "nvidia_pytriton.libs"]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(PACKAGES),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
    }
    arguments = [
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
    ]
    os.execve(binary, [str(binary), *arguments], environment)  # noqa: S606 - no shell


def write_model(folder: Path, exported: Path, name: str) -> None:
    """Write a model's folder, for a graph of an exported model."""
    input_name, outputs = MODELS[name]
    card = json.loads((exported / "model.json").read_text())
    image = card["image"]
    latent = [card["latent_size"]]
    shapes = {
        "pixels": [image["channels"], image["height"], image["width"]],
        "latent": latent,
        "mean": latent,
        "log_variance": latent,
    }
    (folder / "1").mkdir(parents=True)
    config = CONFIG.format(
        name=name,
        items=MAX_ITEMS,
        inputs=tensor(input_name, shapes),
        outputs=", ".join(tensor(output, shapes) for output in outputs),
    )
    (folder / "config.pbtxt").write_text(config)
    graph = str(exported / f"{name}.onnx")
    model = MODEL.format(graph=graph, input=input_name, outputs=outputs)
    (folder / "1/model.py").write_text(model)


def tensor(name: str, shapes: dict[str, list[int]]) -> str:
    """Return a tensor's part of the configuration."""
    return f'{{name: "{name}" data_type: TYPE_FP32 dims: {shapes[name]}}}'


def link_stub(backend: Path) -> None:
    """Put the backend's program for this version of Python beside the backend."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = SERVER / "python_backend_stubs" / version / "triton_python_backend_stub"
    link = backend / stub.name
    stub.chmod(0o755)
    if not link.exists():
        link.hardlink_to(stub)


if __name__ == "__main__":
    main()
