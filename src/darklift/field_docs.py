"""What is written below the fields of a class, for those who tell people of them: ``--help``, the HTTP API."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

__all__ = ["field_docs"]


@cache  # parsing it takes some milliseconds, and each command with options for its fields asks
def field_docs(cls: type) -> Mapping[str, str]:
    """What stands below each field of a class, as one paragraph."""
    (declared,) = (node for node in ast.parse(inspect.getsource(cls)).body if isinstance(node, ast.ClassDef))
    docs = {}
    for line, below in itertools.pairwise(declared.body):
        if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            docs[ast.unparse(line.target)] = inspect.cleandoc(str(below.value.value)).replace("\n", " ")
    return MappingProxyType(docs)
