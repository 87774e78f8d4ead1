"""How finely a JPEG file tells its picture, so that another can be written alike (ITU-T T.81, annexes A.1 and K.1)."""

from PIL.JpegImagePlugin import JpegImageFile

__all__ = ["quality_of", "subsampling_of"]

_STEPS_AT_50 = 3688  # of the 64 of table K.1, which libjpeg's quality 50 takes as they are; quality 75 has half of each


def quality_of(image: JpegImageFile) -> int | None:
    """1 to 100, as libjpeg counts; what other encoders wrote is put where libjpeg's steps for brightness sum up alike.

    None where there are no steps, as in a lossless file.
    """
    steps = image.quantization.get(image.layer[0][3]) if image.layer else None
    if not steps:
        return None
    if max(steps) == 1:
        return 100
    scale = sum(steps) / _STEPS_AT_50
    return max(1, round(100 - 50 * scale if scale <= 1 else 50 / scale))


def subsampling_of(image: JpegImageFile, *, turned: bool) -> str:
    """Of 4:4:4, 4:2:2 and 4:2:0, which Pillow can write, the coarsest that holds all the colour that the file has.

    turned: the picture is seen on its side, so that what had half the rows of colour (4:4:0) has half the columns. A
    quarter of the columns (4:1:1) go into the half that 4:2:2 has.
    """
    if len(image.layer) < 3:
        return "4:4:4"
    across = max(layer[1] for layer in image.layer) // max(layer[1] for layer in image.layer[1:3])
    down = max(layer[2] for layer in image.layer) // max(layer[2] for layer in image.layer[1:3])
    if turned:
        across, down = down, across
    if across < 2:
        return "4:4:4"
    return "4:2:2" if down < 2 else "4:2:0"
