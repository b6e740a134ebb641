"""Downloads of single files, with a progress bar."""

import http.client
import urllib.request

from rich.progress import wrap_file

TIMEOUT_SECONDS = 30
DOWNLOAD_ERRORS = (OSError, http.client.HTTPException)


def fetch(url: str) -> bytes:
    """Return the body at an HTTP address. Raises OSError or HTTPException."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - an address from the code
        total = int(response.headers.get("Content-Length", 0))
        name = url.rsplit("/", 1)[-1]
        with wrap_file(response, total=total, description=name) as body:
            return body.read()
