"""The playground's files, in memory, with a hash for their address."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FOLDER = Path(__file__).parent / "static"
PAGE_FILE = "index.html"
BASE = "{base}"  # in the page: the address of the other files
HASH_LENGTH = 16  # hexadecimal characters
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class StaticFile:
    """A file to serve, also compressed with gzip."""

    content: bytes
    compressed: bytes
    media_type: str


@dataclass(frozen=True)
class PlaygroundFiles:
    """The page and the files that it loads.

    page: HTML with ``BASE`` in place of the other files' address.
    files: all other files by name.
    digest: hash of all files, in hexadecimal.
    """

    page: str
    files: dict[str, StaticFile]
    digest: str

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Self:
        """Read the files of a folder."""
        paths = sorted(folder.iterdir())
        digest = hashlib.sha256()
        files = {}
        for path in paths:
            content = path.read_bytes()
            digest.update(hashlib.sha256(path.name.encode()).digest())
            digest.update(hashlib.sha256(content).digest())
            if path.name != PAGE_FILE:
                compressed = gzip.compress(content, mtime=0)
                media_type = MEDIA_TYPES[path.suffix]
                files[path.name] = StaticFile(content, compressed, media_type)
        page = (folder / PAGE_FILE).read_text(encoding="utf-8")
        return cls(page, files, digest.hexdigest()[:HASH_LENGTH])
