"""``darklift synth`` and ``darklift darken``: dark photos from good ones, for training and for trying out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._console import progress_bar, say, warn
from darklift.cli._options import OverwriteOption, SeedOption, check_new_file, check_new_picture, make_folder
from darklift.errors import DarkliftError, DataError

__all__ = ["darken", "synth"]

_MANIFEST = "cameras.json"


def synth(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTOS", help="Good pictures, folders of them, or patterns in quotes.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that gets low/, high/ and cameras.json.")],
    count: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Dark versions of each picture.")] = 1,
    min_stops: Annotated[float, typer.Option(metavar="STOPS", help="Light lost, at least.")] = 1.0,
    max_stops: Annotated[float, typer.Option(metavar="STOPS", help="Light lost, at most.")] = 7.0,
    seed: SeedOption = 0,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into the sub-folders of folders, too.")
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Make training pairs: good photos, and the same as a camera takes them in little light. Needs no network.

    In linear light: exposure, a colour cast, shot and read noise, a raised black level, then 8 bits and sometimes JPEG.

    Each pair has one name, low/NAME.png and high/NAME.png; cameras.json tells what each camera did.

    \b
    Examples:
      darklift synth photos/ pairs --count 4
      darklift train compact --set data.root=pairs
    """
    from darklift.cli._paths import find_pictures
    from darklift.darken import shoot_dark
    from darklift.files import write_atomically
    from darklift.image import Picture, read_image, write_image

    found = [picture.path for picture in find_pictures(photos, recursive=recursive, output=str(output))]
    check_new_file("OUT", output / _MANIFEST, overwrite)
    for half in ("low", "high"):
        make_folder(output / half)
    cameras, failed, shot_at = {}, 0, (min_stops, max_stops)
    with progress_bar() as bar:
        for number, path in enumerate(found):
            bar.update(number, len(found), path.name)
            try:
                photo = read_image(path)
                for version in range(count):
                    shot = shoot_dark(photo, seed, number * count + version, stops=shot_at)
                    name = f"{number + 1:05}_{path.stem}" + (f"_{version + 1}" if count > 1 else "")
                    write_image(Picture(photo.pixels), output / "high" / f"{name}.png", overwrite=overwrite)
                    write_image(shot.picture, output / "low" / f"{name}.png", overwrite=overwrite)
                    cameras[name] = {"photo": str(path), **shot.to_dict()}
            except DarkliftError as error:
                if error.exit_code == 2:
                    raise
                failed += 1
                warn(str(error))
    try:
        told = {"seed": seed, "stops": shot_at, "pairs": cameras}
        write_atomically(output / _MANIFEST, (json.dumps(told, indent=2) + "\n").encode())
    except OSError as error:
        raise DataError(f"cannot write {output / _MANIFEST}: {error.strerror}") from error
    say(f"{len(cameras)} pairs: {output}")
    if failed:
        warn(f"{failed} of {len(found)} pictures failed")
        raise typer.Exit(1)


def darken(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A good picture.")],
    like: Annotated[Path, typer.Option(metavar="PICTURE", help="The dark picture whose darkness it gets.")],
    model: Annotated[
        Path, typer.Option("--model", "-m", metavar="FILE", help="A .safetensors checkpoint of lldiffusion with DGNET.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default="PHOTO_dark"),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Darken a good photo the way another one is dark (needs the torch extra).

    \b
    Examples:
      darklift convert lldiffusion best.pth -o lldiffusion-lol.safetensors
      darklift darken photo.jpg --like night.jpg --model lldiffusion-lol.safetensors
    """
    from darklift.darken import darken_like
    from darklift.image import read_image, write_image

    target = output or photo.with_stem(f"{photo.stem}_dark")
    check_new_picture("-o", str(target), overwrite)
    dark = darken_like(read_image(photo), read_image(like), model)
    make_folder(target.parent)
    write_image(dark, target, overwrite=overwrite)
    say(f"{photo} -> {target}")
