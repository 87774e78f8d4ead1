"""Add graphs in int8 to an exported model: python tools/quantise.py MODEL PHOTOS [PHOTOS …] [--graphs step]

MODEL is a folder that darklift export wrote. PHOTOS are files, or folders that are searched, of dark photos that stand
for all: those that the network was trained on, so that no others are known to it. --leave-out takes a list of files'
names without their endings, such as lolv1-val; --most N takes N of each folder, spread over it.

It prints how far the picture is from that in float32 on some of the photos.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from darklift import Enhancer, read_image
from darklift.data import read_names
from darklift.files import write_atomically
from darklift.image import FloatArray
from darklift.runtime import GraphRunner, Model
from darklift.runtime.onnx import CARD_FILE, load_card, open_graph
from darklift.store.quantise import quantised

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


class Recorder:
    """A graph that keeps what it was fed."""

    def __init__(self, graph: GraphRunner) -> None:
        self.graph, self.fed = graph, list[Mapping[str, FloatArray]]()
        self.inputs, self.outputs = graph.inputs, graph.outputs

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        self.fed.append({name: values.copy() for name, values in feeds.items()})
        return self.graph(feeds)


def photos_in(places: Sequence[Path], left_out: Sequence[str], most: int) -> list[Path]:
    photos: list[Path] = []
    for place in places:
        found = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.suffix.lower() in ENDINGS)
        found = [path for path in found if path.stem not in left_out]
        photos += found[:: max(1, -(-len(found) // most))]
    return photos


def fed_to(folder: Path, name: str, photos: Sequence[Path]) -> Iterator[Mapping[str, FloatArray]]:
    """What the graph of that name sees of each photo, at the model's own settings."""
    card = load_card(folder)
    graphs: dict[str, GraphRunner] = {Path(file).stem: open_graph(folder / file) for file in card.files}
    graphs[name] = recorder = Recorder(graphs[name])
    enhancer = Enhancer(Model(card, graphs))
    for photo in photos:
        enhancer.run(read_image(photo))
        yield from recorder.fed
        recorder.fed.clear()


def tell_error(folder: Path, photos: Sequence[Path]) -> None:
    """dB of the int8 picture, the one in float32 being the truth."""
    exact, rounded = (Enhancer(folder, backend="onnx", precision=precision) for precision in ("fp32", "int8"))
    for photo in photos:
        picture = read_image(photo)
        error = exact.run(picture).picture.pixels - rounded.run(picture).picture.pixels
        print(f"{photo}: {-10 * np.log10(np.mean(np.square(error)) + 1e-12):.1f} dB from float32", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--graphs", nargs="+", default=["step"], metavar="GRAPH")
    parser.add_argument("--leave-out", default=None, metavar="LIST", help="names of photos, as lolv1-val")
    parser.add_argument("--most", type=int, default=24, metavar="N", help="of each folder")
    arguments = parser.parse_args()
    left_out = read_names(arguments.leave_out) if arguments.leave_out else ()
    photos = photos_in(arguments.photos, left_out, arguments.most)
    card, int8 = load_card(arguments.model), {}
    for name in arguments.graphs:
        data = quantised((arguments.model / f"{name}.onnx").read_bytes(), fed_to(arguments.model, name, photos))
        file = f"{name}.int8.onnx"
        write_atomically(arguments.model / file, data)
        int8[file] = hashlib.sha256(data).hexdigest()
        print(f"{file}: {len(data) / 1e6:.2f} MB, from {len(photos)} photos", flush=True)
    write_atomically(arguments.model / CARD_FILE, replace(card, int8=int8).to_json().encode())
    tell_error(arguments.model, photos[:: max(1, len(photos) // 8)])


if __name__ == "__main__":
    main()
