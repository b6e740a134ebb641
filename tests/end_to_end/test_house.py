"""The directions of the house: who may import whom."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.samples import REPOSITORY

PACKAGES = ("service", "training")
# Each room, and the rooms that it may import from; a room may always import from itself.
ROOMS = {
    "service.__main__": {
        "service.api.telemetry",
        "service.app",
        "service.logs",
        "service.model.errors",
        "service.server",
        "service.settings",
        "service.workers",
    },
    "service.server": {
        "service.api",
        "service.connection",
        "service.model.errors",
        "service.settings",
        "service.workers",
    },
    "service.connection": {"service.api", "service.settings"},
    "service.workers": set[str](),
    "service.app": {"service", "service.api", "service.logs", "service.model", "service.settings"},
    "service.api": {"service.imaging", "service.logs", "service.model"},
    "service.logs": set[str](),
    "service.model": set[str](),
    "service.imaging": set[str](),
    "service.settings": set[str](),
    "service": set[str](),
}
# What only one file or room may know of.
ALONE = {
    "onnxruntime": {"service.model.onnx_autoencoder", "training.exported_model"},
    "PIL": {"service.imaging", "training.export"},
    "base64": {"service.imaging", "service.api.pages", "training.export"},  # pages: a hash in a policy
    "binascii": {"service.imaging"},
    "fastapi": {"service.api", "service.app"},
    "starlette": {"service.api", "service.app", "service.server"},
    "uvicorn": {"service.connection", "service.server"},
    "pydantic_settings": {"service.settings", "service.__main__"},
    "torch": {"training"},
}


def modules() -> Iterator[tuple[str, list[str]]]:
    """Each module of both packages, with all that it imports, anywhere in it."""
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
            yield name, list(imports(path))


def imports(path: Path) -> Iterator[str]:
    """The full names of what a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, places: set[str]) -> bool:
    """Tell whether a name is one of the places, or inside one."""
    return any(name == place or name.startswith(place + ".") for place in places)


def room_of(module: str) -> str:
    """The room that a module of the service is in."""
    return next(room for room in ROOMS if within(module, {room}))


@pytest.mark.parametrize(("module", "imported"), list(modules()))
def test_arrows_point_downward(module: str, imported: list[str]) -> None:
    """__main__ -> app -> api -> {imaging, model}; the two packages do not know each other."""
    ours = [name for name in imported if within(name, set(PACKAGES))]
    if within(module, {"training"}):
        assert [name for name in ours if not within(name, {"training"})] == []
    else:
        room = room_of(module)
        allowed = ROOMS[room] | ({room} if room != "service" else set())
        bare = {"service.__version__"} if "service" in allowed else set()
        places = (allowed - {"service"}) | bare
        assert [name for name in ours if not within(name, places)] == []


@pytest.mark.parametrize(("module", "imported"), list(modules()))
def test_libraries_stay_in_their_rooms(module: str, imported: list[str]) -> None:
    """Only one file knows ONNX Runtime, only one room knows image formats, only the API knows HTTP."""
    for library, rooms in ALONE.items():
        if any(within(name, {library}) for name in imported):
            assert within(module, rooms), f"{module} imports {library}"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "service").rglob("*.py")), ids=lambda path: path.stem)
def test_only_settings_read_the_environment(path: Path) -> None:
    """The switches of ONNX Runtime and of numpy's BLAS are set, not read."""
    source = path.read_text()

    assert "getenv" not in source
    assert "os.environ.get" not in source
    if path.name != "settings.py":
        assert source.count("os.environ") == len(re.findall(r'os\.environ\["[A-Z_]+"\] = "1"', source))


def test_no_size_of_a_model_is_written_in_the_service() -> None:
    """28, 784 and 32 are the card's to say."""
    for path in (REPOSITORY / "service").rglob("*.py"):
        numbers = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not numbers & {28, 784, 32}, path
