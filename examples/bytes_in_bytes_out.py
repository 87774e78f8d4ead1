"""A photo as bytes in, a photo as bytes out, as a web server would:  python examples/bytes_in_bytes_out.py < in > out

No file is touched. The result has the format of the photo that came in.
"""

import sys
from pathlib import Path

from darklift import Enhancer, Settings, decode_image, encode_image

NIGHT = Path(__file__).with_name("night.jpg")


def answer(enhance: Enhancer, body: bytes, settings: Settings) -> bytes:
    """What a request's body becomes. Raises DarkliftError with a line that may be shown to whoever asked."""
    picture = decode_image(body)
    return encode_image(enhance.run(picture, settings).picture, picture.source.container or "png")


def main() -> None:
    body = NIGHT.read_bytes() if sys.stdin.isatty() else sys.stdin.buffer.read()
    enhance = Enhancer(threads=1)  # a server has many requests at once: a thread for each
    sys.stdout.buffer.write(answer(enhance, body, Settings(strength=0.9)))


if __name__ == "__main__":
    main()
