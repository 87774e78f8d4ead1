"""What the bundled model's weights went through between its trainings: means of weights, and more blocks.

python tools/weights.py mean OUT.safetensors A B [--shares .5 .5] [--exposure-of C]
python tools/weights.py grow A OUT.safetensors model.fine_blocks=3 model.cues=true

A, B, C: checkpoints of compact, or folders of models exported with the default sizes.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from torch import Tensor

from darklift.checkpoint import Checkpoint, build_method, load_checkpoint, load_weights, save_checkpoint
from darklift.exported import exported_weights


def load(path: Path) -> Checkpoint:
    """A checkpoint, or an exported model as one."""
    if not path.is_dir():
        return load_checkpoint(path)
    method = build_method("compact", {})
    load_weights(method, exported_weights(method, path), str(path))
    return Checkpoint(method, {})


def mean(paths: list[Path], shares: list[float], exposure_of: Path | None) -> tuple[Checkpoint, dict[str, Tensor]]:
    """The weights' mean; the exposure net, whose error is told by few examples, may be taken from one alone."""
    checkpoints = [load(path) for path in paths]
    states = [checkpoint.method.net.state_dict() for checkpoint in checkpoints]
    mixed = {name: sum(s * state[name] for s, state in zip(shares, states, strict=True)) for name in states[0]}
    if exposure_of:
        chosen = load(exposure_of).method.net.state_dict()
        mixed.update({name: value for name, value in chosen.items() if name.startswith("exposure.")})
    return checkpoints[0], mixed


def grow(path: Path, changes: list[str]) -> tuple[Checkpoint, dict[str, Tensor]]:
    """The same function with more parts, which begin as nothing: blocks of a level, or what corrects the exposure."""
    before = load(path)
    config = before.method.config.model_dump() | tomllib.loads("\n".join(changes)).get("model", {})
    method = build_method(before.method.name, config)
    return Checkpoint(method, {}), method.net.state_dict() | before.method.net.state_dict()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    averaging = commands.add_parser("mean")
    averaging.add_argument("out", type=Path)
    averaging.add_argument("inputs", type=Path, nargs="+")
    averaging.add_argument("--shares", type=float, nargs="+", help="of each input; alike by default")
    averaging.add_argument("--exposure-of", type=Path)
    growing = commands.add_parser("grow")
    growing.add_argument("input", type=Path)
    growing.add_argument("out", type=Path)
    growing.add_argument("changes", nargs="+", metavar="model.KEY=VALUE")
    a = parser.parse_args()
    if a.command == "mean":
        shares = a.shares or [1 / len(a.inputs)] * len(a.inputs)
        if len(shares) != len(a.inputs) or abs(sum(shares) - 1) > 1e-6:
            parser.error(f"expected {len(a.inputs)} shares that sum to 1, got {shares}")
        checkpoint, weights = mean(a.inputs, shares, a.exposure_of)
    else:
        checkpoint, weights = grow(a.input, a.changes)
    save_checkpoint(a.out, checkpoint.method, weights, {"made_by": f"tools/weights.py {a.command}"})


if __name__ == "__main__":
    main()
