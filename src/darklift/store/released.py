"""Files of PyTorch, read without PyTorch's unpickler: tensors and plain containers come back, all else becomes nothing.

Released files hold objects of the programs that wrote them. To rebuild such an object, a pickle names a function and
calls it. Here every name but a handful stands for :class:`Inert`, so nothing is imported and nothing is called,
whatever the file says. Still, a file that names a function of Python's own library, of torch or of numpy that no
checkpoint needs was made to do harm elsewhere, and is refused.
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

import torch
from torch import Tensor

from darklift.errors import ModelError, one_line

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
    """Stands for everything that is not read: it takes whatever a pickle does to an object or a class, and does
    nothing.
    """

    __slots__ = ()

    def __new__(cls, *_arguments: object, **_more: object) -> Self:
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None: ...

    def __setitem__(self, _key: object, _value: object) -> None: ...

    def append(self, _item: object) -> None: ...

    def extend(self, _items: object) -> None: ...

    def add(self, _item: object) -> None: ...


class _Dict(dict[Any, Any]):
    """Stands for OrderedDict: keeps items, and takes no attributes."""

    __slots__ = ()

    def __setstate__(self, _state: object) -> None: ...


class _Storage(NamedTuple):
    """A block of numbers in the file."""

    name: str
    dtype: torch.dtype | None
    """None for numbers of a kind that no network of ours has."""


class StoredTensor(Inert):
    """Where a tensor lies in the file. Its numbers are read only when :meth:`ReleasedFile.load` is asked for them."""

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
    """Stands for a parameter: only its tensor matters."""

    __slots__ = ()

    def __new__(cls, tensor: Any, *_more: object) -> Any:
        return tensor


_KNOWN: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): StoredTensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
}

_OF_PYTHON = re.compile(
    r"(copyreg|copy_reg)\._reconstructor|_codecs\.encode|functools\.partial"
    r"|argparse\.Namespace|types\.SimpleNamespace|decimal\.Decimal|random\.Random|uuid\.UUID"
    r"|datetime\.(date|datetime|time|timedelta|timezone)|pathlib\.(Pure)?(Posix|Windows)?Path"
    r"|collections\.(OrderedDict|defaultdict|deque|Counter)"
    r"|(builtins|__builtin__)\.(object|dict|list|set|frozenset|tuple|slice|range|complex|bytearray|int|float|bool|str"
    r"|bytes|unicode|long)"
)
"""What checkpoints hold of Python's own library."""
_OF_LIBRARIES = re.compile(
    r"torch\.(device|(b?float|complex|q?u?int|bits|bool)\w*|_utils\._rebuild\w*|storage\._load_from_bytes"
    r"|serialization\._get_layout|amp\.grad_scaler\._\w*|(nn\.functional|nn\.init|_C\._nn)\.\w+)"
    r"|numpy\.(dtype|ndarray|(float|complex|u?int)\d+|(bool|str|bytes|void|object)_?|random\.\w+\.__\w+"
    r"|_?core\.(multiarray\.(scalar|_reconstruct)|numeric\._frombuffer))"
)
"""What checkpoints hold of torch and numpy, besides classes."""


def _may_be_named(module: str, name: str) -> bool:
    library, full = module.partition(".")[0], f"{module}.{name}"
    if library in sys.stdlib_module_names or library in ("__builtin__", "copy_reg"):
        return _OF_PYTHON.fullmatch(full) is not None
    if library not in ("torch", "numpy"):
        return True  # objects of other programs, as releases hold them
    is_class = all(part.lstrip("_")[:1].isupper() for part in name.split("."))
    return is_class or _OF_LIBRARIES.fullmatch(full) is not None


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
    """An open file that ``torch.save`` wrote. ``content``: what it holds, with a :class:`StoredTensor` for each tensor.

    Raises ModelError for any other file, also for a TorchScript archive, which is a program rather than weights; and in
    :meth:`load` for tensors that are not all there.
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
        except ModelError:
            self._archive.close()
            raise
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
        names = self._archive.namelist()
        roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError("no data.pkl in it")
        root = roots[0]
        if f"{root}constants.pkl" in names or any(name.startswith(f"{root}code/") for name in names):
            raise ModelError(
                f"{self.source} is a TorchScript archive, which holds a program: expected weights alone, as "
                "torch.save(model.state_dict(), FILE) writes them"
            )
        order = f"{root}byteorder"
        if order in names and self._archive.read(order).decode() != sys.byteorder:
            raise ValueError("its numbers are in another machine's byte order")
        return root

    def _unreadable(self, error: Exception) -> ModelError:
        return ModelError(
            f"cannot read {self.source} as a checkpoint that PyTorch 1.6 or later wrote ({one_line(error)}): download "
            "it again, or check what it is"
        )
