"""The import rule and the house's measures, checked on the source's syntax trees and in processes without PyTorch.

A *room* is a module or folder directly under ``darklift``. The table ``MAY_IMPORT`` says which other rooms a room may
know. Every import counts for it, wherever it stands: at the top, inside a function, or under ``TYPE_CHECKING``.
"""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
PACKAGE = "darklift"
MAX_LINES = 300
ANYTHING = "*"

# What each room may import besides itself: exactly what it does import. A deeper name has a row of its own where it is
# held to less than its room.
MAY_IMPORT = {
    "__init__": "store pipeline image errors",
    "__main__": "cli",
    "errors": "",
    "field_docs": "",
    "files": "",
    "diffusion": "",
    "weights": "errors",
    "image": "files errors",
    "figures": "image errors",
    "data": "image diffusion errors",
    "runtime": "image diffusion errors",
    "methods": "runtime data image diffusion errors",
    "store": "methods weights runtime image files errors",
    "store.load": "weights runtime errors",
    "pipeline": "store runtime image diffusion errors",
    "evaluation": "pipeline store runtime data image files errors",
    "report": "evaluation figures image files errors",
    "batch": "pipeline store runtime figures data image files errors",
    "train": "evaluation pipeline store methods weights data diffusion image files errors",
    "web": "batch pipeline store weights runtime figures image field_docs errors",
    "web.limits": "errors",
    "cli": ANYTHING,
}

# Where `import torch` may stand at the top of a file; elsewhere it belongs inside the function that needs it.
TORCH_AT_THE_TOP = ("methods", "store", "train")
# What these may not import at all, nor have imported for them by what they import.
NEVER_REACHED = {
    "diffusion": ("torch",),
    "runtime": ("torch", "darklift.methods"),
    "pipeline": ("torch", "darklift.methods"),
}
# The rooms that may know which methods there are; elsewhere, only a model's name may be the same as a method's.
METHOD_ROOMS = ("methods", "store")
MODEL_NAMES = ("compact",)
# These, and so all that they import, must work where only the core is installed.
LIGHT_MODULES = (
    "darklift",
    "darklift.image",
    "darklift.diffusion",
    "darklift.runtime.onnx",
    "darklift.store.load",
    "darklift.pipeline.enhancer",
    "darklift.batch.run",
    "darklift.evaluation.evaluate",
    "darklift.evaluation.method",
    "darklift.evaluation.baselines",
    "darklift.evaluation.foreign",
    "darklift.cli",
)
NOT_IN_THE_CORE = ("torch", "accelerate", "pydantic", "safetensors")


@dataclass(frozen=True)
class Import:
    """One import statement's target by its full name, and when it is imported."""

    target: str
    line: int
    at_the_top: bool  # runs when the file is imported: neither in a function nor under TYPE_CHECKING


@dataclass(frozen=True)
class Module:
    """One source file of ours: ``name`` is dotted and relative to the package, as in ``runtime.onnx``."""

    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]

    def __str__(self) -> str:
        return self.path.relative_to(SOURCE).as_posix()


# ---------------------------------------------------------------------------------------------- reading the source


def read_modules() -> dict[str, Module]:
    """Every source file by its name; a folder's ``__init__.py`` goes by the folder's name, the outermost by its own."""
    names = {name_of(path): path for path in sorted((SOURCE / PACKAGE).rglob("*.py"))}
    return {name: parse(name, path, path.read_text(encoding="utf-8"), names) for name, path in names.items()}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def parse(name: str, path: Path, source: str, known: Collection[str]) -> Module:
    tree = ast.parse(source, filename=str(path))
    package = path.parent.relative_to(SOURCE).parts
    return Module(name, path, tree, tuple(imports_in(tree, package, known)))


def imports_in(tree: ast.Module, package: tuple[str, ...], known: Collection[str]) -> Iterator[Import]:
    """Every import in a file of ``package``; ``known`` tells ``from a import module`` from ``from a import thing``."""
    later = {inner for node in ast.walk(tree) for part in run_later(node) for inner in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, node not in later)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*above, *filter(None, [node.module])))
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                if full != f"{PACKAGE}.__version__":  # a plain fact that any room may quote
                    yield Import(full if (ours(full) or "") in known else origin, node.lineno, node not in later)


def run_later(node: ast.AST) -> list[ast.stmt]:
    """The statements of a node's body, where they do not run when its file is imported."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.body
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return node.body
    return []


def ours(full: str) -> str | None:
    """The name relative to the package, or None for somebody else's module."""
    if full == PACKAGE:
        return "__init__"
    return full.removeprefix(f"{PACKAGE}.") if full.startswith(f"{PACKAGE}.") else None


def within(name: str, places: Iterable[str]) -> bool:
    """Whether a dotted name is one of ``places`` or lies inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


# ------------------------------------------------------------------------------------------------------- the rules


def row_of(name: str) -> str:
    """The row of the table that holds for a module of ours: the longest that fits."""
    rows = [row for row in MAY_IMPORT if within(name, [row])]
    if not rows:
        raise AssertionError(
            f"{PACKAGE}.{name} is in no room of the table MAY_IMPORT (tests/test_architecture.py):"
            f" add a row {name.split('.')[0]!r} that says what it may import"
        )
    return max(rows, key=len)


def is_allowed(name: str, target: str) -> bool:
    """Whether our module ``name`` may import our module ``target``."""
    room, other = name.split(".")[0], target.split(".")[0]
    if room == other == "methods" and name != "methods":  # methods/__init__ knows them all, they not one another
        return within(target, ["methods.base", "methods.parts", ".".join(name.split(".")[:2])])
    permitted = MAY_IMPORT[row_of(name)]
    return room == other or permitted == ANYTHING or other in permitted.split()


def forbidden_arrows(module: Module) -> list[str]:
    permitted = MAY_IMPORT[row_of(module.name)]
    return [
        f"{module}:{found.line}: imports {found.target}; may import of ours: {permitted or 'nothing'}"
        for found in module.imports
        if (target := ours(found.target)) and not is_allowed(module.name, target)
    ]


def misplaced_torch(module: Module) -> list[str]:
    forbidden = any("torch" in never for place, never in NEVER_REACHED.items() if within(module.name, [place]))
    top_permitted = within(module.name, TORCH_AT_THE_TOP)
    return [
        f"{module}:{found.line}: imports torch; " + ("must work without" if forbidden else "only inside a function")
        for found in module.imports
        if within(found.target, ["torch"]) and (forbidden or (found.at_the_top and not top_permitted))
    ]


def reached(name: str, modules: dict[str, Module]) -> dict[str, str]:
    """The full name of all that comes with importing a module of ours, and the chain of imports that leads there."""
    chains: dict[str, str] = {}
    queue = [(f"{PACKAGE}.{name}", f"{PACKAGE}.{name}")]
    while queue:
        full, chain = queue.pop()
        if full in chains:
            continue
        chains[full] = chain
        if outer := full.rpartition(".")[0]:  # the packages around a module are imported before it
            queue.append((outer, f"{chain} → {outer}"))
        if module := modules.get(ours(full) or ""):
            queue += [(found.target, f"{chain} → {found.target}") for found in module.imports if found.at_the_top]
    return chains


def named_methods(module: Module) -> list[str]:
    """Where a method is imported, called or compared with by its name; docstrings and help texts may tell of it."""
    if within(module.name, METHOD_ROOMS):
        return []
    found = [
        f"{module}:{each.line}: imports {each.target}"
        for each in module.imports
        if within(ours(each.target) or "", [f"methods.{method}" for method in METHODS])
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.lower() in METHODS and node.value not in MODEL_NAMES:
                found.append(f"{module}:{node.lineno}: the string {node.value!r}")
        elif (name := identifier(node)) and any(word in name.lower() for word in set(METHODS) - set(MODEL_NAMES)):
            found.append(f"{module}:{getattr(node, 'lineno', '?')}: the name {name}")
    return found


def identifier(node: ast.AST) -> str | None:
    """What a node of the tree calls something by, or None."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.alias):
        return node.name
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.arg if isinstance(node, ast.arg | ast.keyword) else None


def listed_names(tree: ast.Module) -> list[str] | None:
    """What ``__all__`` holds, or None where a module has none (it must be written out, not computed)."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == "__all__":
                return list(ast.literal_eval(node.value))
    return None


MODULES = read_modules()
METHODS = sorted(
    {name.split(".")[1] for name in MODULES if name.startswith("methods.") and f"{name}.method" in MODULES}
)
each_module = pytest.mark.parametrize("module", MODULES.values(), ids=str)


@each_module
def test_a_room_imports_only_what_the_table_permits(module: Module) -> None:
    assert forbidden_arrows(module) == []


@each_module
def test_torch_stays_in_its_rooms(module: Module) -> None:
    assert misplaced_torch(module) == []


@pytest.mark.parametrize("place", NEVER_REACHED)
def test_what_must_never_be_reached_is_not(place: str) -> None:
    names = [name for name in MODULES if within(name, [place])]
    assert names, f"darklift.{place} is gone: correct NEVER_REACHED"
    chains = {full: chain for name in names for full, chain in reached(name, MODULES).items()}
    assert [chain for full, chain in chains.items() if within(full, NEVER_REACHED[place])] == []


@each_module
def test_only_methods_and_store_know_a_method_by_name(module: Module) -> None:
    assert named_methods(module) == []


@each_module
def test_a_file_stays_small(module: Module) -> None:
    assert len(module.path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@each_module
def test_a_public_module_lists_its_names(module: Module) -> None:
    private = any(part.startswith("_") for part in module.name.removesuffix("__init__").split("."))
    assert private or listed_names(module.tree) is not None, f"{module} has no __all__"


def test_the_table_allows_only_arrows_that_there_are() -> None:
    there_are: dict[str, set[str]] = {row: set() for row in MAY_IMPORT}
    for module in MODULES.values():
        targets = {target.split(".")[0] for found in module.imports if (target := ours(found.target))}
        there_are[row_of(module.name)] |= targets
    unused = {
        row: sorted(set(permitted.split()) - there_are[row] - drawn_by_a_deeper_row(row, there_are))
        for row, permitted in MAY_IMPORT.items()
        if permitted != ANYTHING
    }
    assert {row: arrows for row, arrows in unused.items() if arrows} == {}


def drawn_by_a_deeper_row(row: str, there_are: dict[str, set[str]]) -> set[str]:
    return set().union(*(arrows for deeper, arrows in there_are.items() if deeper.startswith(f"{row}.")))


def test_arrows_point_down_only() -> None:
    graph = {room: set(row.split()) for room, row in MAY_IMPORT.items() if row != ANYTHING}
    assert set().union(*graph.values()) <= set(MAY_IMPORT)
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which shows the rooms that go in a circle


BLOCKED_IMPORT = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is not part of the core", name=name)

sys.meta_path.insert(0, Blocker())
importlib.import_module({module!r})
"""


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_the_core_imports_without_the_extras(module: str) -> None:
    code = BLOCKED_IMPORT.format(blocked=NOT_IN_THE_CORE, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------- the checks themselves checked


def imagined(name: str, source: str) -> Module:
    path = SOURCE / PACKAGE / f"{name.replace('.', '/')}.py"
    return parse(name, path, source, {*MODULES, "image", "train.loop", "methods.base", "methods.gsad", "store.live"})


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("image", "import darklift.train.loop"),
        ("image", "from darklift.train import loop"),
        ("image", "from darklift import Enhancer"),
        ("diffusion.sampler", "from ..image import read_image"),
        ("diffusion.sampler", "from .. import image"),
        ("pipeline.plan", "def f():\n    from darklift.train import loop"),
        ("pipeline.plan", "if TYPE_CHECKING:\n    from darklift.train import loop"),
        ("methods.compact", "from darklift.methods.gsad import Gsad"),
        ("methods.compact", "from . import gsad"),
        ("runtime.onnx", "from darklift.store.checkpoint import load"),
    ],
)
def test_a_forbidden_arrow_is_seen(name: str, source: str) -> None:
    assert len(forbidden_arrows(imagined(name, source))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("image", "import numpy\nfrom darklift.errors import ImageError\nfrom darklift import __version__"),
        ("diffusion.sampler", "from darklift.diffusion.schedule import NoiseSchedule"),
        ("methods.compact", "from darklift.methods.base import Stage"),
        ("store.from_export", "from darklift.methods import Method"),
        ("cli", "from darklift.train import loop"),
    ],
)
def test_a_permitted_arrow_is_let_pass(name: str, source: str) -> None:
    assert forbidden_arrows(imagined(name, source)) == []


@pytest.mark.parametrize(
    ("name", "source", "count"),
    [
        ("cli.some", "def f():\n    from darklift.methods.gsad import Gsad", 2),
        ("cli.some", "from darklift.methods.compact import net", 1),
        ("train.some", "if method == 'lldiffusion':\n    pass", 1),
        ("cli.some", "class Choice:\n    GSAD = 1", 1),
        ("cli.some", "convert_lldiffusion(1)", 1),
        ("weights", "name = 'compact'", 0),
        ("cli.some", '"""GSAD."""\nhelp = "For GSAD: how it is sampled."', 0),
        ("store.some", "from darklift.methods.gsad import Gsad", 0),
    ],
)
def test_a_method_s_name_is_seen_outside_its_rooms(name: str, source: str, count: int) -> None:
    assert len(named_methods(imagined(name, source))) == count


def test_an_unknown_room_is_sent_to_the_table() -> None:
    with pytest.raises(AssertionError, match="MAY_IMPORT"):
        forbidden_arrows(imagined("attic", "import numpy"))


@pytest.mark.parametrize(
    ("name", "source", "misplaced"),
    [
        ("image", "import torch", 1),
        ("image", "try:\n    import torch.nn\nexcept ImportError:\n    pass", 1),
        ("image", "class A:\n    from torch import nn", 1),
        ("image", "def f():\n    import torch", 0),
        ("image", "if TYPE_CHECKING:\n    import torch", 0),
        ("methods.parts.blocks", "import torch", 0),
        ("runtime.onnx", "def f():\n    import torch", 1),
        ("diffusion.noise", "if TYPE_CHECKING:\n    from torch import Tensor", 1),
    ],
)
def test_torch_is_seen_where_it_may_not_stand(name: str, source: str, misplaced: int) -> None:
    assert len(misplaced_torch(imagined(name, source))) == misplaced


def test_the_chain_of_imports_is_followed_through_packages() -> None:
    modules = {
        "store": imagined("store.__init__", "from darklift.store import live"),
        "store.live": imagined("store.live", "import torch"),
        "store.load": imagined("store.load", "import numpy"),
    }
    assert reached("store.load", modules)["torch"].endswith("darklift.store → darklift.store.live → torch")
