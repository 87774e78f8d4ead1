"""All photos of a folder with one loaded model:  python examples/enhance_folder.py [FOLDER [RESULTS]]

``darklift enhance FOLDER -o RESULTS`` does the same and more; this shows how to do it in a program.
"""

import sys
from pathlib import Path

from darklift import DarkliftError, Enhancer, read_image, write_image
from darklift.image import is_image_path

HERE = Path(__file__).parent


def main(folder: Path = HERE, results: Path = Path("enhanced")) -> None:
    enhance = Enhancer()  # once: loading takes longer than a small photo
    results.mkdir(parents=True, exist_ok=True)
    for path in sorted(filter(is_image_path, folder.iterdir())):
        try:
            picture = read_image(path)  # with orientation, colour profile and metadata, which are written again
            enhanced = enhance.run(picture)
            written = write_image(enhanced.picture, results / path.name, overwrite=True)
            print(f"{path.name} -> {written}, {enhanced.share:.0%} enhanced in {enhanced.seconds:.1f} s")
        except DarkliftError as error:  # a file that cannot be read stops no other
            print(f"{path.name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
