"""A client that others would generate from the OpenAPI schema, and a typed program that uses it."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from service.api.uploads import IMAGE_TYPES
from tests.end_to_end.server import serve
from tests.samples import card_examples, pixels_of

# The generator knows files as octets only; and neither formats nor lints what it wrote.
CONFIGURATION = f"""
content_type_overrides: {{{", ".join(f"{name.decode()}: application/octet-stream" for name in IMAGE_TYPES)}}}
post_hooks: []
"""
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
        decoded = decode.sync(client=client, body=DecodeRequest(latents=[encoded.latents[0].mean]))
        assert isinstance(decoded, ImagesResponse)
        reconstructed = reconstruct.sync(client=client, body=ReconstructRequest(images=[digit]))
        assert isinstance(reconstructed, ReconstructResponse)
        refused = decode.sync(client=client, body=DecodeRequest(latents=[[0.0]]))
        assert isinstance(refused, Problem)
        print(decoded.images[0], reconstructed.images[0], refused.errors[0].pointer if refused.errors else None)


main(*sys.argv[1:])
"""


def run(*arguments: str, folder: Path) -> str:
    """Run a module or program; give what it writes, once it has ended well."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_generated_client_brings_a_digit_there_and_back(tmp_path: Path) -> None:
    """Without a warning of the generator's nor a fault of its types; what it decodes is the reconstruction."""
    (tmp_path / "configuration.yml").write_text(CONFIGURATION)
    (tmp_path / "program.py").write_text(PROGRAM)
    digit = card_examples()[0]
    with serve("--workers", "1") as server:
        with server.client() as client:
            (tmp_path / "openapi.json").write_bytes(client.get("/openapi.json").content)
        options = (
            "--path=openapi.json",
            "--config=configuration.yml",
            "--meta=none",
            "--output-path=digits",
        )
        run(
            "-m",
            "openapi_python_client",
            "generate",
            *options,
            "--fail-on-warning",
            folder=tmp_path,
        )
        run(
            "-m",
            "mypy",
            "--strict",
            "--no-warn-redundant-casts",
            "digits",
            "program.py",
            folder=tmp_path,
        )
        decoded, reconstructed, pointer = run(
            "program.py", server.url, digit, folder=tmp_path
        ).split()

    assert decoded == reconstructed
    assert np.abs(pixels_of(decoded) / 255 - pixels_of(digit) / 255).mean() < 0.05
    assert pointer == "#/latents/0"
