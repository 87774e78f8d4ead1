"""Large photos at full size: python benchmarks/quality/large.py PHOTOS [PHOTOS ...] --work DIR [--variants …]

Large clean pictures are made of every n-th of small ones (large_scenes.py), taken in the dark as a camera and as a
phone would (large_shots.py), enhanced in several ways side by side, and scored at full size (large_measures.py). Which
of :data:`~large_shots.LIGHT` a scene lacks takes turns, too.

A variant is settings by name, "speed=best" or "speed=fast,lift=full", or "default", and may say besides:
- model=nano: another model, by name or path.
- resize=4: enhanced at a quarter of each side and enlarged by bicubic interpolation; what any faster way must beat.
- src=DIR: another checkout's darklift, by the folder that its package lies in.
- results=DIR: pictures that were enhanced elsewhere, called as the files in WORK/*/ with .png at the end.
The first is what the others are held against: differences of the same shots, with standard errors over scenes.

The model is given the clean picture's mean, unless --exposure free. What was scored already, by the same code, is read
from --work; --sheet writes crops at 1:1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from held_out import held_out_photos
from large_measures import HEADINGS, Codes, Reference, measure
from large_scenes import kind_of, make_scene
from large_sheet import crops_of, draw_sheets, places_to_show
from large_shots import KINDS, LIGHT, shoot
from PIL import Image

import darklift
from darklift import read_image

HERE = Path(__file__).parent
OWN = Path(darklift.__file__).parents[1]
TRUTH = "the clean picture"
Scores = dict[str, float]


@dataclass(frozen=True)
class Variant:
    """One way to enhance, as its text says it."""

    text: str
    settings: dict[str, Any] = field(default_factory=dict)
    model: str = "default"
    resize: float | None = None
    src: Path = OWN
    results: Path | None = None

    @classmethod
    def of(cls, text: str) -> Variant:
        own: dict[str, Any] = {}
        settings: dict[str, Any] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name in ("src", "results"):
                own[name] = Path(value).resolve()
            elif name in ("model", "resize"):
                own[name] = float(value) if name == "resize" else value
            elif name != "default":
                settings[name] = _plain(value)
        return cls(text, settings, **own)

    def enhance(self, photo: Path, mean: float | None, threads: int | None, result: Path) -> tuple[Codes, float]:
        """The picture, and the processor's seconds (NaN where it was enhanced elsewhere)."""
        if self.results is not None:
            with Image.open(self.results / f"{photo.stem}.png") as image:
                return np.asarray(image.convert("RGB")), float("nan")
        given = {} if mean is None else {"exposure": f"mean={mean}"}
        wish = {"photo": str(photo), "result": str(result), "model": self.model, "threads": threads}
        wish |= {"resize": self.resize, "settings": given | self.settings}
        done = subprocess.run(
            [sys.executable, HERE / "large_worker.py"],
            input=json.dumps(wish),
            env=os.environ | {"PYTHONPATH": str(self.src)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.text}: {done.stderr}")
        made: Codes = np.load(result)
        result.unlink()
        return made, float(done.stdout)

    def code(self) -> str:
        """Changes with what makes the picture."""
        model = [path for path in [Path(self.model)] if path.exists()]
        return _digest(self.results or self.src / "darklift", HERE / "large_worker.py", *model)


@dataclass(frozen=True)
class File:
    """A dark shot on the disk, and its clean picture beside it."""

    photo: Path
    truth: Path
    scene: str


def make_files(folders: Sequence[Path], every: int, work: Path, sizes: Sequence[str], scenes: range) -> Iterator[File]:
    """The shots of scenes of these numbers, made where they are not there yet."""
    paths = [path for folder in folders for path in held_out_photos(folder, every)]
    made_by = _digest(*(HERE / name for name in ("large_scenes.py", "large_shots.py")), *paths)
    photos: list[Any] = []
    for size in sizes:
        width, height = map(int, size.split("x"))
        folder = work / f"{size}-{made_by[:8]}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in scenes:
            stops = list(LIGHT)[(number + number // 3) % len(LIGHT)]  # each kind of scene gets each
            scene = None
            for kind in KINDS:
                name = f"{number:02}-{kind_of(number)}-{kind}-{stops:g}"
                photo, truth = folder / f"{name}.jpg", folder / f"{name}-clean.png"
                if not photo.exists():
                    photos = photos or [read_image(path).pixels for path in paths]
                    scene = make_scene(number, width, height, photos) if scene is None else scene
                    shot = shoot(scene, kind, stops, number)
                    Image.fromarray(shot.truth).save(truth, compress_level=1)
                    shot.write(photo)
                yield File(photo, truth, f"{size} {number}")


def score(file: File, variants: Sequence[Variant], work: Path, exposure: str, threads: int | None) -> dict[str, Scores]:
    """What each variant scores, and what is shown of it beside; from the disk where it is there."""
    truth: Codes | None = None
    reference: Reference | None = None
    found: dict[str, Scores] = {}
    measured_by = _digest(HERE / "large_measures.py", HERE / "large_sheet.py")
    for variant in (None, *variants):
        name = TRUTH if variant is None else variant.text
        made_by = "" if variant is None else variant.code() + exposure
        kept = kept_at(work, file, name, measured_by + made_by)
        if not kept.exists():
            if truth is None or reference is None:
                with Image.open(file.truth) as image:
                    truth = np.asarray(image)
                reference = Reference.of(truth)
            mean = None if exposure == "free" else float(truth.mean()) / 255
            result, seconds = (
                (truth, float("nan"))
                if variant is None
                else variant.enhance(file.photo, mean, threads, kept.with_suffix(".npy"))
            )
            crops_of(result, places_to_show(reference)).save(kept.with_suffix(".png"))
            kept.write_text(json.dumps(measure(result, reference) | {"seconds": seconds}))
            print(f"scored {file.photo.stem}, {name}", file=sys.stderr, flush=True)
        found[name] = json.loads(kept.read_text()) | {"crops": str(kept.with_suffix(".png"))}
    return found


def kept_at(work: Path, file: File, name: str, code: str) -> Path:
    scores = work / "scores"
    scores.mkdir(exist_ok=True)
    key = hashlib.sha256(f"{file.photo.parent.name}/{file.photo.name} {name} {code}".encode()).hexdigest()[:16]
    return scores / f"{file.photo.stem}-{key}.json"


def print_means(title: str, rows: Sequence[tuple[File, dict[str, Scores]]]) -> None:
    print(f"\n| {title} | {' | '.join(HEADINGS.values())} | processor s |\n|---|" + "--:|" * (len(HEADINGS) + 1))
    for name in rows[0][1]:
        means = [_mean([found[name][key] for _, found in rows]) for key in (*HEADINGS, "seconds")]
        print(f"| {name} | {' | '.join(_cell(mean, key) for mean, key in zip(means, (*HEADINGS, ''), strict=True))} |")


def print_differences(rows: Sequence[tuple[File, dict[str, Scores]]], variants: Sequence[Variant]) -> None:
    first = variants[0].text
    print(f"\n| less {first} | {' | '.join(HEADINGS.values())} |\n|---|" + "--:|" * len(HEADINGS))
    for variant in variants[1:]:
        cells = []
        for key in HEADINGS:
            of_scene: dict[str, list[float]] = {}
            for file, found in rows:
                of_scene.setdefault(file.scene, []).append(found[variant.text][key] - found[first][key])
            means = np.array([_mean(values) for values in of_scene.values()])
            means = means[np.isfinite(means)]
            error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
            mean = means.mean() if len(means) else np.nan
            cells.append(f"{_cell(mean, key, '+')} ± {_cell(error, key)}")
        print(f"| {variant.text} | {' | '.join(cells)} |")


def _cell(value: float, key: str, sign: str = "") -> str:
    digits = {"ssim": 4, "kept": 1, "halo": 1, "": 1}.get(key, 2)
    return f"{value:{sign}.{digits}f}" if np.isfinite(value) else "–"


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(file.read_bytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="folders of small good photos")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--work", type=Path, required=True, help="a folder for the large photos and what was scored")
    parser.add_argument("--variants", nargs="+", default=["default", "resize=2", "resize=4"])
    parser.add_argument("--sizes", nargs="+", default=["2000x1500"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--scenes", type=int, default=12, help="of each size")
    parser.add_argument("--first", type=int, default=0, help="the number of the first scene; each is another")
    parser.add_argument("--exposure", choices=("given", "free"), default="given")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--sheet", type=Path, help="a folder for crops at 1:1")
    arguments = parser.parse_args()
    variants = [Variant.of(text) for text in arguments.variants]
    scenes = range(arguments.first, arguments.first + arguments.scenes)
    files = make_files(arguments.photos, arguments.every, arguments.work, arguments.sizes, scenes)
    rows = [(file, score(file, variants, arguments.work, arguments.exposure, arguments.threads)) for file in files]
    print_means(f"all, {len(rows)} shots", rows)
    for part in (1, 2, 3):  # of a name: the kind of scene, that of the shot, stops of light lost
        for word in sorted({file.photo.stem.split("-")[part] for file, _ in rows}):
            some = [row for row in rows if row[0].photo.stem.split("-")[part] == word]
            print_means(f"{word}{' stops' * (part == 3)}, {len(some)} shots", some)
    print_differences(rows, variants)
    if arguments.sheet:
        draw_sheets(arguments.sheet, [(file.photo, file.truth, found) for file, found in rows])


if __name__ == "__main__":
    main()
