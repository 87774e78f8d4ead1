"""One look at a photo, strip by strip: all that is decided about it is decided by what this tells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from darklift.image import FloatArray, Picture
from darklift.image.colour import ColourSpace
from darklift.image.overview import Describing, Overview
from darklift.image.spaces import colour_space_of
from darklift.pipeline.border import inside_of_border
from darklift.pipeline.cells import brightest
from darklift.pipeline.deblock import FlatParts, Smoothing, plan_smoothing
from darklift.pipeline.hidden import Fill, hides_all, is_seen_through, plan_fill, seen_part
from darklift.pipeline.nothing import Emptiness
from darklift.pipeline.octaves import drowned_by_octave
from darklift.pipeline.strip import Strip, look_once
from darklift.pipeline.tiling import Tile
from darklift.pipeline.trust import Holdings, Signal
from darklift.pipeline.view import View, require_picture
from darklift.runtime import Guess, Model

__all__ = ["Look", "look_at"]


@dataclass(frozen=True, eq=False)
class Look:
    """What one look at a photo tells."""

    size: tuple[int, int]
    """(rows, columns) in pixels."""
    inside: Tile
    """The photo without borders around it, and without margins that are transparent throughout. All that follows is
    about this part."""
    fill: Fill | None
    """What the network sees in the place of hidden pixels; None where all is seen."""
    smoothing: Smoothing | None
    """Of its flat dark blocks; None where there is none to do."""
    overview: Overview
    """Of the photo as the network will see it."""
    guess: Guess | None
    """How bright a good version of it would be; None where the model does not say."""
    signal: Signal | None = None
    """What each place of it holds; None where the model does not say how bright it should be."""
    drowned: tuple[float, ...] = ()
    """How much of its contrast small copies would drown in noise, see :func:`drowned_by_octave`; empty for models that
    work on none."""
    empty: bool = False
    """It holds nothing to bring out."""
    alone: bool = True
    """It is no frame of a clip that holds something elsewhere: tones of an empty one stay, too."""
    hidden: bool = False
    """It is transparent throughout: it is left as it is, whatever is asked for."""
    gray: bool = False
    """It has no colours, and shall have none."""
    space: ColourSpace | None = None
    """Of the photo's numbers, from which they are converted for the network and back; None for sRGB."""
    held_bytes: int = 0
    """Of memory that the photo takes."""
    note: str | None = None
    """What its file says of colours and nobody can use; None where there is nothing of that kind."""

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, columns) of the part inside, which is what the network works on."""
        return self.inside.height, self.inside.width


def look_at(model: Model, picture: Picture, at_least: Tile | None = None) -> Look:
    """All that a model wants to know of a photo before anything is decided.

    at_least: what counts as inside of borders in any case. Raises ImageError for pixels that are no numbers, and for
    colours that cannot be converted to sRGB and back.
    """
    require_picture(picture)
    space, note = colour_space_of(picture)
    view = _view(picture, space, at_least)
    bits, hidden = picture.source.bits, hides_all(picture)
    flat, overall = FlatParts(view.size) if model.card.deblocks else None, _Overall(view.size, bits)
    holdings, emptiness = Holdings(view.size, bits), Emptiness(view.size, bits)
    look_once(view, [overall, holdings, emptiness, *([] if flat is None else [flat])], holdings.side)
    smoothing = None if flat is None else plan_smoothing(view, flat.result())
    if smoothing is not None:
        overall = _Overall(view.size, bits)
        look_once(replace(view, smoothing=smoothing), [overall])
    overview = overall.result()
    guess = model.guess_exposure(overview)
    return Look(
        size=picture.size,
        inside=view.inside,
        fill=view.fill,
        smoothing=smoothing,
        overview=overview,
        guess=guess,
        signal=None if guess is None else holdings.result(),
        drowned=drowned_by_octave(view) if model.enlarges else (),
        empty=hidden or emptiness.result(),
        hidden=hidden,
        gray=picture.gray or _is_gray(view),
        space=space,
        held_bytes=picture.held.nbytes,
        note=note,
    )


class _Overall:
    """Describes a photo in brief: a :class:`~darklift.pipeline.strip.Looker`."""

    def __init__(self, size: tuple[int, int], bits: int) -> None:
        self._described = Describing(size, bits=bits)

    def add(self, strip: Strip) -> None:
        """Look at the next one."""
        codes, above = strip.codes, strip.above
        top = strip.counted_top if codes is None else brightest(codes) if len(codes) == 3 else codes[0]
        weights = None if strip.weights is None else strip.weights[above:]
        self._described.add(strip.counted[:, above:], weights, top[above:])

    def result(self) -> Overview:
        """Of all of it."""
        return self._described.result()


def _view(picture: Picture, space: ColourSpace | None, at_least: Tile | None) -> View:
    """The part that counts of a picture, its hidden pixels filled."""
    through = is_seen_through(picture)
    seen = seen_part(picture) if through else Tile(0, 0, *picture.size)
    view = View(picture, seen, space)
    if not (through and _hides_some(view)):
        view = replace(view, inside=inside_of_border(view).placed_in(seen))
    if at_least is not None:
        view = replace(view, inside=view.inside.joined(at_least))
    return replace(view, fill=plan_fill(view)) if through and _hides_some(view) else view


def _hides_some(view: View) -> bool:
    """Whether some of the part that counts of a picture with alpha can be seen through."""
    alpha = view.picture.held.alpha
    return alpha is not None and bool(alpha[view.inside.window].min() < view.picture.held.white)


def _is_gray(view: View) -> bool:
    """Whether the channels are alike in every pixel, in a JPEG but for its rounding."""
    exactly = 0 if view.space is None else 1e-4  # what converting them leaves
    allowed = np.float32(1.01 / 255 if view.picture.source.container == "JPEG" else exactly)
    rows, columns = view.size
    middle = Tile(rows // 2, 0, 1, columns)
    return all(_alike(view.of(strip), allowed) for strip in (middle, *view.strips()))


def _alike(low: FloatArray, allowed: np.float32) -> bool:
    return bool((np.abs(low[1:] - low[:1]) <= allowed).all())
