"""``darklift synth`` and ``darklift darken``: dark photos from good ones, for training and for trying out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.batch.outputs import make_folder
from darklift.cli._console import progress_bar, say, warn
from darklift.cli._options import (
    OverwriteOption,
    RecursiveOption,
    SeedOption,
    check_new_file,
    check_new_picture,
    write_json,
)
from darklift.errors import DarkliftError, DataError, UsageError

if TYPE_CHECKING:
    from darklift.image import Picture

__all__ = ["darken", "synth"]

_MANIFEST = "cameras.json"
_HALVES = ("low", "high")


def synth(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTOS", help="Good photos, folders of them, or patterns in quotes.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for low/, high/ and cameras.json.")],
    count: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Dark versions of each photo.")] = 1,
    min_stops: Annotated[float, typer.Option(metavar="STOPS", help="Least light lost, in stops.")] = 1.0,
    max_stops: Annotated[float, typer.Option(metavar="STOPS", help="Most light lost, in stops.")] = 7.0,
    seed: SeedOption = 0,
    recursive: RecursiveOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Make training pairs: good photos, and the same photos as a camera would take them in little light.

    Simulates lost light, a colour cast, the sensor's noise or a phone's grain, and sometimes JPEG. Needs no network.

    Both halves of a pair have one name, low/NAME.png and high/NAME.png; cameras.json tells what each camera did.

    \b
    Examples:
      darklift synth photos/ pairs --count 4
      darklift train compact_tiny --set data.root=pairs
    """
    from darklift.batch.paths import find_pictures
    from darklift.data.shots import shoot_dark
    from darklift.image import read_image
    from darklift.image.spaces import as_srgb

    found = [picture.path for picture in find_pictures(photos, recursive=recursive, output=str(output))]
    versions = [f"_{version + 1}" for version in range(count)] if count > 1 else [""]
    names = [f"{number + 1:05}_{path.stem}{end}" for number, path in enumerate(found) for end in versions]
    earlier = _check_room(output, overwrite, found, names)
    cameras: dict[str, Any] = {}
    failed = 0
    try:
        with progress_bar() as bar:
            for number, path in enumerate(found):
                bar.update(number, len(found), path.name)
                try:
                    photo = as_srgb(read_image(path))
                    for place in range(number * count, (number + 1) * count):
                        name = names[place]
                        shot = shoot_dark(photo, seed, place, stops=(min_stops, max_stops))
                        if not cameras:
                            _make_room(output, earlier, names)
                        _write_pair(output, name, photo, shot.picture)
                        cameras[name] = {"photo": str(path), **shot.to_dict()}
                except UsageError:
                    raise
                except DarkliftError as error:
                    failed += 1
                    words = str(error)
                    warn(words if str(path) in words else f"{path}: {words}")
    finally:  # also of a run that was stopped: its pairs are told of, and can be replaced
        if cameras:
            write_json(output / _MANIFEST, {"seed": seed, "stops": (min_stops, max_stops), "pairs": cameras})
    say(f"{len(cameras)} pairs: {output}")
    if failed:
        warn(f"{failed} of {len(found)} photos failed")
        raise typer.Exit(1)


def _check_room(output: Path, overwrite: bool, found: Sequence[Path], names: Iterable[str]) -> set[Path]:
    """What of an earlier run gives way to the first pair of this one, where ``overwrite`` allows it."""
    check_new_file("OUT", output / _MANIFEST, overwrite)
    halves = [output / half for half in _HALVES]
    for half in halves:
        if not overwrite and half.is_dir() and any(half.iterdir()):
            raise UsageError(f"OUT {half} holds files already: choose another folder, or add --overwrite")
    places = {half.resolve() for half in halves}
    inside = [path for path in found if places & {path.resolve().parent, path.parent.resolve()}]
    if inside:
        raise UsageError(f"{inside[0]} lies where OUT's pairs go, and would be replaced: choose another OUT")
    try:
        earlier = json.loads((output / _MANIFEST).read_bytes())["pairs"]
        if not isinstance(earlier, dict):
            raise TypeError("its pairs have no names")
    except FileNotFoundError:
        earlier = {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{output / _MANIFEST} is not what an earlier run wrote ({error!r}): move it out of the way"
        ) from error
    giving_way = {half / f"{Path(name).name}.png" for name in earlier for half in halves}
    coming = [half / f"{name}.png" for name in names for half in halves]
    in_the_way = [path for path in coming if path not in giving_way and path.exists()]
    if in_the_way:
        raise UsageError(f"{in_the_way[0]} is in the way and no earlier run made it: move it, or choose another OUT")
    return giving_way


def _make_room(output: Path, earlier: Iterable[Path], names: Iterable[str]) -> None:
    """Both folders, without the earlier pairs. Until all is done, cameras.json names these and those to come, so that a
    later run can replace what a killed one has left.
    """
    for half in _HALVES:
        make_folder(output / half)
    known = dict.fromkeys([*names, *(path.stem for path in earlier)])
    write_json(output / _MANIFEST, {"unfinished": True, "pairs": known})
    for path in earlier:
        path.unlink(missing_ok=True)


def _write_pair(output: Path, name: str, photo: Picture, dark: Picture) -> None:
    """Both halves or neither."""
    from darklift.image import Picture, write_image

    low, high = (output / half / f"{name}.png" for half in _HALVES)
    write_image(dark, low)
    try:
        write_image(Picture(photo.pixels, source=photo.source), high)
    except BaseException:
        low.unlink()
        raise


def darken(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A good photo.")],
    like: Annotated[Path, typer.Option(metavar="PICTURE", help="A dark photo: the result gets dark the way it is.")],
    model: Annotated[
        Path,
        typer.Option("--model", "-m", metavar="FILE", help="An LLDiffusion checkpoint with its DGNET."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default="PHOTO_dark"),
    ] = None,
    noise: Annotated[
        float,
        typer.Option(min=0, max=100, metavar="X", help="How noisy: 1 as the dark photo is, 0 adds no noise."),
    ] = 1.0,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Make a good photo as dark and as noisy as another one (needs the torch extra).

    \b
    Examples:
      darklift convert best.pth -o lldiffusion-lol.safetensors
      darklift darken photo.jpg --like night.jpg --model lldiffusion-lol.safetensors
    """
    from darklift.image import read_image, write_image
    from darklift.methods.darkening import darken_like
    from darklift.store.checkpoint import load_checkpoint

    good, night = read_image(photo), read_image(like)
    target = output or photo.with_stem(f"{photo.stem}_dark")
    check_new_picture("-o" if output else "the result,", str(target), overwrite)
    dark = darken_like(load_checkpoint(model).method, good, night, seed=seed, noise=noise)
    make_folder(target.parent)
    write_image(dark, target, overwrite=overwrite)
    say(f"{photo} -> {target}")
