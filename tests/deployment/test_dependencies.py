"""Dependencies whose version matters."""

import re
import tomllib
from importlib.metadata import version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.samples import REPOSITORY

ADVICE = (
    "service/server/protocol.py subclasses uvicorn's private protocol: compare its "
    "HttpToolsProtocol with the new version's, adapt the subclass, run the tests of "
    "tests/end_to_end, then move the bound in pyproject.toml and run make lock"
)


def allowed_uvicorn() -> SpecifierSet:
    """Return the versions of uvicorn that pyproject.toml allows."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    requirements = map(Requirement, project["dependencies"])
    (uvicorn,) = [each for each in requirements if each.name == "uvicorn"]
    return uvicorn.specifier


def test_uvicorn_is_the_version_whose_protocol_is_subclassed() -> None:
    """The installed and the locked one; the message says how to move to another."""
    allowed = allowed_uvicorn()
    lock = (REPOSITORY / "requirements.lock").read_text()
    locked = re.findall(r"^uvicorn==(\S+)", lock, re.MULTILINE)

    for uvicorn in (version("uvicorn"), *locked):
        assert uvicorn in allowed, f"uvicorn {uvicorn} is not {allowed}. {ADVICE}"


def test_uvicorn_is_bounded_to_one_minor_version() -> None:
    """A minor version may change what is private."""
    allowed = allowed_uvicorn()
    major, minor = Version(version("uvicorn")).release[:2]

    assert f"{major}.{minor - 1}.99" not in allowed
    assert f"{major}.{minor + 1}.0" not in allowed
