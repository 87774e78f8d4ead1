"""PyTorch's files without PyTorch's unpickler: tensors and plain containers are read, all else becomes nothing.

Released files hold objects of the programs that wrote them. To rebuild such an object, a pickle calls whatever it
names; here every name but a handful stands for :class:`Inert`, so that nothing is imported and nothing is called. A
name of Python's own library, torch or numpy that no checkpoint has use for, ``os.system`` or ``torch.load`` say, is a
sign of malice: such a file is refused.
"""

from __future__ import annotations

import pickle
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from darklift.errors import ModelError

__all__ = ["Inert", "ReleasedFile", "StoredTensor"]

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Inert:
    """Takes whatever a pickle does to an object, or to a class, and does nothing."""

    __slots__ = ()

    def __new__(cls, *_arguments: object, **_more: object) -> Self:
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None: ...

    def __setitem__(self, _key: object, _value: object) -> None: ...

    def append(self, _item: object) -> None: ...

    def extend(self, _items: object) -> None: ...

    def add(self, _item: object) -> None: ...


class _Dict(dict[Any, Any]):
    """An OrderedDict that keeps its items and takes no attributes."""

    __slots__ = ()

    def __setstate__(self, _state: object) -> None: ...


class _Storage(NamedTuple):
    """dtype: None for numbers of a kind that no network of ours has."""

    name: str
    dtype: torch.dtype | None


class StoredTensor(Inert):
    """Where a tensor lies in the file: its numbers are read when they are wanted."""

    __slots__ = ("offset", "shape", "storage", "strides")

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __new__(cls, storage: _Storage, offset: int, shape: Any, strides: Any, *_more: object) -> Self:
        tensor = super().__new__(cls)
        tensor.storage, tensor.offset = _Storage(str(storage.name), storage.dtype), int(offset)
        tensor.shape, tensor.strides = tuple(map(int, shape)), tuple(map(int, strides))
        return tensor


class _Parameter(Inert):
    """A parameter is read as its tensor."""

    __slots__ = ()

    def __new__(cls, tensor: Any, *_more: object) -> Any:
        return tensor


_KNOWN: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): StoredTensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
}


_HARMLESS = frozenset(
    {
        ("argparse", "Namespace"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("_codecs", "encode"),
        ("types", "SimpleNamespace"),
        ("functools", "partial"),
        ("decimal", "Decimal"),
        ("random", "Random"),
        ("uuid", "UUID"),
        *(("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")),
        *(("collections", name) for name in ("OrderedDict", "defaultdict", "deque", "Counter")),
        *(("pathlib", name) for name in ("Path", "PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")),
        *(
            (builtins, name)
            for builtins in ("builtins", "__builtin__")
            for name in (
                *("object", "dict", "list", "set", "frozenset", "tuple", "slice", "range", "complex", "bytearray"),
                *("int", "float", "bool", "str", "bytes", "unicode", "long"),
            )
        ),
    }
)
"""What checkpoints hold of Python's own library."""
_PYTHONS_OWN = {*sys.stdlib_module_names, "__builtin__", "copy_reg"}
_HARMLESS_FUNCTIONS = re.compile(
    r"torch\.(device|(_utils\._rebuild|storage\._load_from_bytes|serialization\._get_layout|amp\.grad_scaler\._|"
    r"nn\.functional\.|nn\.init\.|_C\._nn\.)\w*)"
    r"|numpy\.(dtype|ndarray|random\.\w+\.__\w+|_?core\.(multiarray\.(scalar|_reconstruct)|numeric\._frombuffer))"
)
"""What checkpoints hold of torch and numpy besides classes and number formats."""


def _may_be_named(module: str, name: str) -> bool:
    library = module.partition(".")[0]
    if library in _PYTHONS_OWN:
        return (module, name) in _HARMLESS
    if library not in ("torch", "numpy"):
        return True  # foreign objects, as releases hold them
    is_class = all(part.lstrip("_")[:1].isupper() for part in name.split("."))
    is_format = module == "torch" and isinstance(vars(torch).get(name), torch.dtype)  # getattr would import
    is_number = module == "numpy" and isinstance(kind := vars(np).get(name), type) and issubclass(kind, np.generic)
    return is_class or is_format or is_number or _HARMLESS_FUNCTIONS.fullmatch(f"{module}.{name}") is not None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if not _may_be_named(module, name):
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no checkpoint needs: it may be malicious")
        return _KNOWN.get((module, name), Inert)

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, name, *_ = identity
        if kind != "storage":
            raise pickle.UnpicklingError(f"an unknown kind of storage, {kind!r}")
        return _Storage(name, dtype if isinstance(dtype, torch.dtype) else None)


class ReleasedFile:
    """An open file that ``torch.save`` wrote. ``content``: what it holds, with :class:`StoredTensor` for tensors.

    Raises ModelError for whatever is none, and in :meth:`load` for tensors that are not whole.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        try:
            self._archive = zipfile.ZipFile(source)
        except FileNotFoundError:
            raise ModelError(f"cannot read {source}: no such file") from None
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise self._unreadable(error) from error
        try:
            self._root = self._find_root()
            with self._archive.open(f"{self._root}data.pkl") as file:
                self.content: Any = _Unpickler(file).load()
        except Exception as error:  # a damaged pickle makes its reader raise nearly anything
            self._archive.close()
            raise self._unreadable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def load(self, tensors: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
        """Read the numbers of these tensors, as float32 where they are floats."""
        try:
            return {name: self._load(tensor) for name, tensor in tensors.items()}
        except Exception as error:  # see above
            raise self._unreadable(error) from error

    def _load(self, stored: StoredTensor) -> Tensor:
        name, dtype = stored.storage
        if dtype is None:
            raise ValueError("the numbers of a tensor are in a format that darklift does not read")
        data = bytearray(self._archive.read(f"{self._root}data/{name}"))
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        tensor = flat.as_strided(stored.shape, stored.strides, stored.offset)
        return tensor.float() if tensor.is_floating_point() else tensor

    def _find_root(self) -> str:
        """The one folder that all of a file lies in, with its slash."""
        roots = [name.removesuffix("data.pkl") for name in self._archive.namelist() if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError("no data.pkl in it")
        order = f"{roots[0]}byteorder"
        if order in self._archive.namelist() and self._archive.read(order).decode() != sys.byteorder:
            raise ValueError("its numbers are in another machine's byte order")
        return roots[0]

    def _unreadable(self, error: Exception) -> ModelError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ModelError(
            f"cannot read {self.source} as a checkpoint that PyTorch 1.6 or later wrote ({reason}): download it again, "
            "or check what it is"
        )
