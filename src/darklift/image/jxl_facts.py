"""What a JPEG XL file says of its picture, read from its boxes and the first bits of its codestream (ISO/IEC 18181).

Nothing here decodes pixels. So a file that would be too large, or another kind of picture, is known before anything is
allocated for it.
"""

from dataclasses import dataclass

from darklift.errors import ImageError
from darklift.image.boxes import children

__all__ = ["CODESTREAM", "SIGNATURE", "JxlFacts", "jxl_facts"]

SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
"""How the container begins."""
CODESTREAM = b"\xff\x0a"
"""How a codestream begins, be it a file of its own or in a container."""

_MOST_BOXES = 10_000
_STRUCTURE = (b"JXL ", b"ftyp", b"jxll", b"jxli")  # besides the codestream
_HEAD = 65_536  # of the codestream: its headers take some hundred bytes, but for the names of channels
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width and height
_GRAY, _XYB = 1, 2  # colour spaces
_ALPHA = 0  # a kind of further channel
_KINDS = {1: "depth", 2: "spot colour", 3: "selection", 4: "black ink", 5: "filter", 6: "thermal"}
_CUSTOM = 2  # a white point, or primaries, in numbers
_SRGB = (1, 1, 13)  # white point D65, primaries, transfer function, by the format's numbers


@dataclass(slots=True)
class JxlFacts:
    """What the headers tell.

    Attributes:
        width, height: in pixels, as the picture is seen. orientation: 1 to 8, that it was stored in.
        bits: of a channel, the most that any has. floats: they are floating-point numbers.
        gray: there is one channel of colour.
        alpha: there is a channel for it. multiplied: colours are multiplied with it.
        others: further channels, in words.
        animated: there may be several frames.
        lossless: pixels are coded as they are, and no JPEG file is behind them.
        srgb: colours are those of sRGB. transfer: the number of their curve (ITU-T H.273), None where a profile or a
            gamma tells.
        blocks: the other boxes: their kind and contents, still compressed where it is ``brob``.
        rest: what is behind the last box.
    """

    width: int = 0
    height: int = 0
    orientation: int = 1
    bits: int = 8
    floats: bool = False
    gray: bool = False
    alpha: bool = False
    multiplied: bool = False
    others: tuple[str, ...] = ()
    animated: bool = False
    lossless: bool = False
    srgb: bool = True
    transfer: int | None = 13
    blocks: tuple[tuple[bytes, bytes], ...] = ()
    rest: bytes = b""


def jxl_facts(data: bytes) -> JxlFacts:
    """What a whole file tells. Damaged ones are an ``ImageError``."""
    codestream, blocks, rest = _opened(data)
    facts = JxlFacts(blocks=tuple(blocks), rest=rest)
    try:
        _read_headers(_Bits(codestream[len(CODESTREAM) : _HEAD]), facts)
    except IndexError as error:
        raise ImageError("damaged or incomplete JPEG XL file: its header is cut: copy or download it again") from error
    if any(kind == b"jbrd" for kind, _ in blocks):
        facts.lossless = False
    return facts


def _opened(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """The codestream, or its beginning where it is in parts, the other boxes, and what is behind the last one."""
    if data.startswith(CODESTREAM):
        return data, [], b""
    codestream, last = b"", 0
    blocks: list[tuple[bytes, bytes]] = []
    for kind, start, end in children(data):
        last = end
        if kind == b"jxlc":
            codestream = data[start:end]
        elif kind == b"jxlp" and len(codestream) < _HEAD:
            codestream += data[start + 4 : end]
        elif kind not in _STRUCTURE and len(blocks) < _MOST_BOXES:
            blocks.append((kind, data[start:end]))
    if not codestream.startswith(CODESTREAM):
        raise ImageError("damaged or incomplete JPEG XL file: it holds no picture: copy or download it again")
    return codestream, blocks, data[last:]


class _Bits:
    """Bits of bytes, the least significant first. An ``IndexError`` at their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for place in range(count):
            value |= (self._data[self._at >> 3] >> (self._at & 7) & 1) << place
            self._at += 1
        return value

    def flag(self) -> bool:
        return self.take(1) == 1

    def number(self, *choices: tuple[int, int]) -> int:
        """One of four (offset, bits that are added), by two bits before."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)

    def enum(self) -> int:
        return self.number((0, 0), (1, 0), (2, 4), (18, 6))


def _read_headers(bits: _Bits, facts: JxlFacts) -> None:
    facts.width, facts.height = _size(bits)
    if bits.flag():  # all as usual: 8 bits, sRGB, lossy
        return
    more = bits.flag()
    if more:
        facts.orientation = 1 + bits.take(3)
        if facts.orientation >= 5:
            facts.width, facts.height = facts.height, facts.width
        if bits.flag():  # the size that it is meant to be seen at
            _size(bits)
        if bits.flag():
            _skip_preview(bits)
        if bits.flag():
            facts.animated = True
            bits.number((100, 0), (1000, 0), (1, 10), (1, 30))
            bits.number((1, 0), (1001, 0), (1, 8), (1, 10))
            bits.number((0, 0), (0, 3), (0, 16), (0, 32))
            bits.flag()
    facts.bits, facts.floats = _depth(bits)
    bits.flag()  # whether 16 bits suffice to decode
    _read_channels(bits, facts)
    facts.lossless = not bits.flag()  # else they are coded as XYB, which rounds
    _read_colours(bits, facts)


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.flag()

    def side() -> int:
        return 8 * (1 + bits.take(5)) if small else bits.number((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = bits.take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _skip_preview(bits: _Bits) -> None:
    eighths = bits.flag()

    def side() -> None:
        bits.number(*(((16, 0), (32, 0), (1, 5), (33, 9)) if eighths else ((1, 6), (65, 8), (321, 10), (1345, 12))))

    side()
    if bits.take(3) == 0:
        side()


def _depth(bits: _Bits) -> tuple[int, bool]:
    """Bits of a sample, and whether it is a floating-point number."""
    if bits.flag():
        count = bits.number((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
        return count, True
    return bits.number((8, 0), (10, 0), (12, 0), (1, 6)), False


def _read_channels(bits: _Bits, facts: JxlFacts) -> None:
    others = []
    for _ in range(bits.number((0, 0), (1, 0), (2, 4), (1, 12))):
        if bits.flag():  # all as usual: alpha of 8 bits
            facts.alpha = True
            continue
        kind = bits.enum()
        count, _ = _depth(bits)
        bits.number((0, 0), (3, 0), (4, 0), (1, 3))
        for _ in range(bits.number((0, 0), (0, 4), (16, 5), (48, 10))):
            bits.take(8)
        if kind == _ALPHA and not facts.alpha:
            facts.alpha, facts.multiplied = True, bits.flag()
            facts.bits = max(facts.bits, count)
            continue
        others.append(_KINDS.get(kind, "another"))
        if kind == _ALPHA:
            bits.flag()
        elif kind == 2:
            bits.take(64)
        elif kind == 5:
            bits.number((1, 0), (0, 2), (3, 4), (19, 8))
    facts.others = tuple(others)


def _read_colours(bits: _Bits, facts: JxlFacts) -> None:
    if bits.flag():  # sRGB
        return
    profile = bits.flag()
    space = bits.enum()
    facts.gray = space == _GRAY
    facts.srgb, facts.transfer = False, None
    if profile or space == _XYB:
        return
    white = bits.enum()
    if white == _CUSTOM:
        _skip_chromaticity(bits)
    primaries = 1
    if not facts.gray:
        primaries = bits.enum()
        if primaries == _CUSTOM:
            for _ in range(3):
                _skip_chromaticity(bits)
    if bits.flag():
        bits.take(24)  # a gamma
        return
    facts.transfer = bits.enum()
    facts.srgb = (white, primaries, facts.transfer) == _SRGB


def _skip_chromaticity(bits: _Bits) -> None:
    for _ in range(2):
        bits.number((0, 19), (0x80000, 19), (0x100000, 20), (0x200000, 21))
