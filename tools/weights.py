"""What the bundled model's weights went through between its trainings: means of weights, and networks with more or
fewer parts.

python tools/weights.py mean A B -o OUT.safetensors [--shares .5 .5] [--take coarse.=C ...]
python tools/weights.py grow A -o OUT.safetensors fine_blocks=3 cues=true
python tools/weights.py grow A -o OUT.safetensors 'voters=["tone"]'
python tools/weights.py drop A -o OUT.safetensors encoder.0.2 bottom.0 decoder.1.0
python tools/weights.py detail A --into MODEL [MODEL ...]

detail puts A's detail net into exported models, and leaves all else in them as it is. A, B, C: checkpoints, or folders
of exported compact models. What is taken from C alone need not be alike elsewhere.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import torch

from darklift.errors import DarkliftError, UsageError
from darklift.runtime.onnx import load_card
from darklift.store.checkpoint import Checkpoint, build_method, load_weights, save_checkpoint
from darklift.store.export import put_graph
from darklift.store.from_export import info_of, method_of
from darklift.store.stains import stains_in


def stains(*paths: Path) -> dict[str, list[str]]:
    """What the scores of weights that are made of these are no test of."""
    return stains_in(*(info_of(path) for path in paths))


def mean(paths: list[Path], shares: list[float], taken: dict[str, Path]) -> Checkpoint:
    """The weights' mean, but what begins with a key of ``taken`` from one checkpoint alone."""
    methods = {path: method_of(path) for path in (*paths, *taken.values())}
    states = {path: method.net.state_dict() for path, method in methods.items()}
    made = build_method(methods[paths[0]].name, methods[paths[0]].config.model_dump())
    for path in paths:
        load_weights(made, states[path], str(path))  # refuses one of another shape
    names = made.net.state_dict()
    mixed = {name: sum(share * states[path][name] for share, path in zip(shares, paths, strict=True)) for name in names}
    for prefix, path in taken.items():
        chosen = {name: value for name, value in states[path].items() if name.startswith(prefix)}
        if not chosen:
            raise UsageError(f"no weight begins with {prefix!r}: such as coarse., fine., exposure.")
        mixed |= chosen
    load_weights(made, mixed, "the mean")
    return Checkpoint(made, stains(*methods))


def grow(path: Path, changes: str) -> Checkpoint:
    """The same function with more parts, which begin as nothing: blocks of a level, or what corrects the exposure.

    Voters begin untrained, and the mean with them is another function; so it is without those that the changes leave
    out.
    """
    try:
        changed = tomllib.loads(changes)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"changes are KEY=VALUE of the method's config, got {changes!r} ({error})") from error
    before = method_of(path)
    torch.manual_seed(0)
    after = build_method(before.name, before.config.model_dump() | changed)
    names = after.net.state_dict()
    left = {
        name: value
        for name, value in before.net.state_dict().items()
        if name in names or not name.startswith("coarse.voters.")
    }
    load_weights(after, names | left, f"{path}, grown,")
    return Checkpoint(after, stains(path))


def drop(path: Path, left_out: list[str]) -> Checkpoint:
    """Without these residual blocks of the fine net, named by place and number: decoder.1.0 is the first in the second
    level on the way up. Those behind them move up.
    """
    before = method_of(path)
    blocks: dict[str, list[str]] = {}
    """Of each place, in the network's order."""
    for name, module in before.net.fine.unet.named_modules():
        if name.startswith(("encoder.", "bottom", "decoder.")) and isinstance(module, torch.nn.ModuleList):
            blocks[name] = [f"{name}.{number}" for number in range(len(module))]
    unknown = set(left_out) - {block for of_place in blocks.values() for block in of_place}
    if unknown:
        raise UsageError(f"the fine net has no block {min(unknown)!r}: such as encoder.0.0, bottom.0, decoder.0.0")
    kept = {place: [block for block in of_place if block not in left_out] for place, of_place in blocks.items()}
    counts = tuple(len(of_place) for of_place in kept.values())
    after = build_method(before.name, before.config.model_dump() | {"fine_blocks": counts})
    moved = {block: f"{place}.{number}" for place, of_place in kept.items() for number, block in enumerate(of_place)}
    weights = {}
    for name, value in before.net.state_dict().items():
        found = re.match(r"fine\.unet\.((?:encoder\.\d+|bottom|decoder\.\d+)\.\d+)\.(.*)", name)
        if found is None:
            weights[name] = value
        elif found[1] in moved:
            weights[f"fine.unet.{moved[found[1]]}.{found[2]}"] = value
    load_weights(after, weights, f"{path}, without {', '.join(left_out)},")
    return Checkpoint(after, stains(path))


def put_detail(path: Path, folders: list[Path]) -> None:
    """The detail net of a checkpoint into exported compact models: their graph and what their cards say of it."""
    method = method_of(path)
    if "detail" not in method.graphs():
        raise UsageError(f"{path} has no detail net: give a checkpoint that was trained with detail_width above 0")
    cards = [load_card(folder) for folder in folders]
    for folder, card in zip(folders, cards, strict=True):
        if card.method != method.name:
            raise UsageError(f"{folder} holds a model of method {card.method}, expected {method.name}")
    sizes = {name: method.config.model_dump()[name] for name in ("detail_width", "detail_blocks")}
    for folder, card in zip(folders, cards, strict=True):
        info = {**card.info, **stains_in(card.info, info_of(path))}
        sized = replace(card, config={**card.config, **sizes}, info=info)
        # intervals are of small photos, which the detail net has no part in
        put_graph(method, "detail", folder, sized, "fp16", intervals_hold=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    averaging = commands.add_parser("mean")
    averaging.add_argument("inputs", type=Path, nargs="+")
    averaging.add_argument("--shares", type=float, nargs="+", help="of each input; alike by default")
    averaging.add_argument("--take", nargs="+", default=[], metavar="PREFIX=PATH")
    growing = commands.add_parser("grow")
    growing.add_argument("input", type=Path)
    growing.add_argument("changes", nargs="+", metavar="KEY=VALUE")
    dropping = commands.add_parser("drop")
    dropping.add_argument("input", type=Path)
    dropping.add_argument("blocks", nargs="+", metavar="BLOCK")
    putting = commands.add_parser("detail")
    putting.add_argument("input", type=Path)
    putting.add_argument("--into", type=Path, nargs="+", required=True, metavar="MODEL", help="folders that stay")
    for command in (averaging, growing, dropping):
        command.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        if arguments.command == "detail":
            put_detail(arguments.input, arguments.into)
            return
        if arguments.command == "mean":
            shares = arguments.shares or [1 / len(arguments.inputs)] * len(arguments.inputs)
            if len(shares) != len(arguments.inputs) or not abs(sum(shares) - 1) < 1e-6:
                raise UsageError(f"expected {len(arguments.inputs)} shares that sum to 1, got {shares}")
            if not all(prefix and path for prefix, _, path in (taking.partition("=") for taking in arguments.take)):
                raise UsageError(f"--take wants PREFIX=PATH, got {' '.join(arguments.take)}")
            taken = dict(taking.partition("=")[::2] for taking in arguments.take)
            made = mean(arguments.inputs, shares, {prefix: Path(path) for prefix, path in taken.items()})
        elif arguments.command == "drop":
            made = drop(arguments.input, arguments.blocks)
        else:
            made = grow(arguments.input, "\n".join(arguments.changes))
        info = {"made_by": f"tools/weights.py {arguments.command}", **made.info}
        save_checkpoint(arguments.output, made.method, made.method.net.state_dict(), info)
    except DarkliftError as error:
        print(f"weights: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
