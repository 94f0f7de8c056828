"""Python sources as trees, for tests that look at how something is written."""

from __future__ import annotations

import ast
import gc


def tree_of(source: str) -> ast.Module:
    """Parses a source while no garbage is collected.

    CPython 3.11 can count the depth of a tree wrongly where a collection calls Python code in
    between, as hypothesis has it do, and raises a SystemError.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if collects:
            gc.enable()
