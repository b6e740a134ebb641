"""Docstrings under ``python -OO``, which removes them.

The OpenAPI document takes its descriptions from the docstrings of operations and models.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from typing_extensions import override

PACKAGE = "service."
KEEP_DOCSTRINGS = 1  # optimization level of compile, that of python -O


def keep_docstrings() -> None:
    """Load the modules of this package, from now on, with their docstrings."""
    if sys.flags.optimize > KEEP_DOCSTRINGS:
        sys.meta_path.insert(0, DocstringFinder())


class DocstringFinder(MetaPathFinder):
    """Finder of this package's modules."""

    @override
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if not fullname.startswith(PACKAGE):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = DocstringLoader(fullname, spec.loader.path)
        return spec


class DocstringLoader(SourceFileLoader):
    """Loader that compiles a module itself: the cached code has no docstrings."""

    @override
    def get_code(self, fullname: str) -> CodeType:
        content = self.get_data(self.path)
        code: CodeType = compile(
            content, self.path, "exec", dont_inherit=True, optimize=KEEP_DOCSTRINGS
        )
        return code
