"""LitServe: python -m benchmarks.rivals.litserve_service PORT."""

import sys

import litserve

from benchmarks import textbook_model


class Reconstruct(litserve.LitAPI):
    """A service with one operation, in the three steps of a LitAPI."""

    def setup(self, device: str) -> None:
        """Load nothing: the textbook's sessions are module globals."""

    def decode_request(self, request: dict[str, list[str]]) -> list[str]:
        """Return the images of a request."""
        return request["images"]

    def predict(self, images: list[str]) -> list[str]:
        """Reconstruct images."""
        return textbook_model.reconstruct(images)

    def encode_response(self, images: list[str]) -> dict[str, list[str]]:
        """Return the response."""
        return {"images": images}


if __name__ == "__main__":
    server = litserve.LitServer(
        Reconstruct(api_path="/reconstruct"), accelerator="cpu", workers_per_device=1
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        generate_client_file=False,
        log_level="warning",
    )
