"""A client generated from the OpenAPI schema, used by a typed program."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.end_to_end.server import serve
from tests.samples import card_examples, pixels_of

CONFIGURATION = "post_hooks: []"  # do not format or lint the output
GENERATE = [
    "-m",
    "openapi_python_client",
    "generate",
    "--path=openapi.json",
    "--config=configuration.yml",
    "--meta=none",
    "--output-path=digits",
    "--fail-on-warning",
]
CHECK_TYPES = ["-m", "mypy", "--strict", "--no-warn-redundant-casts"]
PROGRAM = """
import sys

from digits.api.operations import decode, encode, reconstruct
from digits.client import Client
from digits.models import DecodeRequest, EncodeRequest, ReconstructRequest
from digits.models import ImagesResponse, EncodeResponse, Problem, ReconstructResponse


def main(url: str, digit: str) -> None:
    with Client(base_url=url) as client:
        encoded = encode.sync(client=client, body=EncodeRequest(images=[digit]))
        assert isinstance(encoded, EncodeResponse)
        mean = encoded.latents[0].mean
        decoded = decode.sync(client=client, body=DecodeRequest(latents=[mean]))
        assert isinstance(decoded, ImagesResponse)
        body = ReconstructRequest(images=[digit])
        reconstructed = reconstruct.sync(client=client, body=body)
        assert isinstance(reconstructed, ReconstructResponse)
        rejected = decode.sync(client=client, body=DecodeRequest(latents=[[0.0]]))
        assert isinstance(rejected, Problem)
        pointer = rejected.errors[0].pointer if rejected.errors else None
        print(decoded.images[0], reconstructed.images[0], pointer)


main(*sys.argv[1:])
"""


def run_python(*arguments: str, folder: Path) -> str:
    """Run Python in a folder and return its output; check that it succeeds."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_generated_client_encodes_and_decodes_a_digit(tmp_path: Path) -> None:
    """The generator has no warnings, and the types have no errors.

    The decoded image is the reconstruction.
    """
    (tmp_path / "configuration.yml").write_text(CONFIGURATION)
    (tmp_path / "program.py").write_text(PROGRAM)
    digit = card_examples()[0]
    with serve("--workers", "1") as server:
        with server.client() as client:
            schema = client.get("/openapi.json").content
        (tmp_path / "openapi.json").write_bytes(schema)
        run_python(*GENERATE, folder=tmp_path)
        run_python(*CHECK_TYPES, "digits", "program.py", folder=tmp_path)
        output = run_python("program.py", server.url, digit, folder=tmp_path)

    decoded, reconstructed, pointer = output.split()
    differences = pixels_of(decoded) / 255 - pixels_of(digit) / 255
    assert decoded == reconstructed
    assert np.abs(differences).mean() < 0.05
    assert pointer == "#/latents/0"
