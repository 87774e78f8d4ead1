"""Every choice of one enhancement as one value. Imports nothing heavy: ``darklift --help`` reads its text from here."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias, get_args

from darklift.errors import UsageError, hint_for, one_line

__all__ = ["CONTROLS", "DEFAULTS", "Deblock", "Exposure", "Lift", "Settings", "Speed", "Window"]

Deblock: TypeAlias = Literal["auto", "off"]
Lift: TypeAlias = Literal["trusted", "full"]
Speed: TypeAlias = Literal["fast", "balanced", "best"]

_MAX_STOPS = 10
CONTROLS = ("blacks", "shadows", "highlights", "whites", "saturation")
"""The fields of Settings that change tones and colours after the model: from -100 to 100, neutral at 0."""


@dataclass(frozen=True)
class Exposure:
    """How bright the result should be: ``stops`` brighter or darker than the model would choose, or a ``mean`` of the
    coded values. With neither, the model chooses, and may leave a photo as it is.

    A stop is a factor of two in light, as on a camera; light is the coded value to the power of 2.2. Raises UsageError
    for more than 10 stops and for a mean outside [0, 1].
    """

    stops: float | None = None
    """Stops brighter (above 0) or darker than the model would choose, from -10 to 10; None says nothing about them."""
    mean: float | None = None
    """The mean coded value to reach, from 0 (black) to 1 (white), whatever the model would choose; None for none."""

    def __post_init__(self) -> None:
        got = f"stops={self.stops!r}, mean={self.mean!r}"
        if self.stops is not None and self.mean is not None:
            raise UsageError(f"exposure {got} says two things: give the stops or the mean")
        for name, least, most in (("stops", -_MAX_STOPS, _MAX_STOPS), ("mean", 0, 1)):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, str) or not least <= _number(value) <= most:
                    raise _no_exposure(got)
                object.__setattr__(self, name, float(value))

    def __str__(self) -> str:
        return f"{self.stops or 0.0:+g}" if self.mean is None else f"mean={self.mean:g}"

    @classmethod
    def of(cls, wish: Exposure | float | str | None) -> Exposure:
        """From stops as a number ("+0.5"), or "mean=0.4"; None is the model's own choice. Raises UsageError."""
        if wish is None:
            return cls()
        if isinstance(wish, Exposure):
            return wish
        text = str(wish).strip()
        key, equals, value = text.partition("=")
        number = _number(value if equals else text)
        if equals and key.strip() == "mean" and 0 < number < 1:
            return cls(mean=number)
        if not equals and abs(number) <= _MAX_STOPS:
            return cls(stops=number)
        raise _no_exposure(repr(text))


@dataclass(frozen=True)
class Window:
    """Overlapping windows for networks that see their whole input at once, on pictures too large for that.

    The network's work grows by (side/stride)². LLDiffusion was published with windows of 128 and a stride of 16. Raises
    UsageError for a stride that leaves gaps.
    """

    side: int
    """Pixels along each side of a window."""
    stride: int = 0
    """Pixels from one window to the next: smaller is smoother and slower. 0 is half the window."""

    def __post_init__(self) -> None:
        try:
            side, stride = operator.index(self.side), operator.index(self.stride)
        except TypeError:
            side = stride = 0
        if side < 1:
            raise UsageError(f"window is {self.side!r} with stride {self.stride!r}, expected whole numbers of pixels")
        object.__setattr__(self, "side", side)
        object.__setattr__(self, "stride", stride or max(1, side // 2))
        if not 1 <= self.stride <= self.side:
            raise UsageError(f"stride is {self.stride}, expected 1 to {self.side}, the window's side")

    def __str__(self) -> str:
        return f"windows of {self.side}, stride {self.stride}"

    @classmethod
    def of(cls, wish: Window | int | None) -> Window | None:
        """From a side in pixels; None is the whole picture. Raises UsageError."""
        return wish if wish is None or isinstance(wish, Window) else cls(wish)


@dataclass(frozen=True)
class Settings:
    """Every choice of one enhancement. What a value may be is checked when it is made (UsageError); whether a model can
    do it, when a photo is planned.
    """

    preset: str | None = None
    """How the model works its way to the picture; darklift info lists the presets of each model."""
    steps: int | None = None
    """How many steps the model takes to the picture (compact: 1 to 8). More take longer and are not always better."""
    exposure: Exposure | float | str | None = None
    """Brighter or darker than the model would choose: stops such as +0.5 or -1, or a brightness such as mean=0.45. With
    it, photos that are bright enough already are enhanced, too."""
    lift: Lift | str = "trusted"
    """trusted lifts each place as far as the file holds something there, so that black stays black, night stays night
    and lights stay lights; full lifts all that the model would."""
    strength: float = 1.0
    """How much of the change to keep, tone and colour included: 1 is all of it, 0 leaves the photo as it is."""
    blacks: float = 0.0
    """The darkest tones, from -100 to 100: below 0 makes them deeper, and a gray veil black again; above 0 lifts black
    itself."""
    shadows: float = 0.0
    """The dark tones above black, from -100 (darker) to 100 (brighter). Black and white stay."""
    highlights: float = 0.0
    """The bright tones below white, from -100 (darker) to 100 (brighter). Black and white stay."""
    whites: float = 0.0
    """The brightest tones, from -100 to 100: above 0 makes them shine, and dull ones white; below 0 lowers white
    itself."""
    saturation: float = 0.0
    """The colours, from -100 (gray) to 100 (strong). Pale ones gain most, strong ones little."""
    seed: int = 0
    """Each number draws other sampling noise; the same number always gives the same picture."""
    window: Window | int | None = None
    """For models that see the whole photo at once (GSAD, LLDiffusion): work in overlapping windows of this side in
    pixels, when a photo is too large for your memory."""
    deblock: Deblock | str = "auto"
    """Flat dark blocks that a phone's file or a strong JPEG holds: auto smooths them before they are lifted, off leaves
    them."""
    speed: Speed | str = "balanced"
    """How large photos are worked on: balanced makes light and colour of a copy of about a megapixel, more where there
    is much fine noise, and brings that to full size with the photo's own detail, fast about 0.4 megapixels, best works
    on every pixel. Small photos, and models without a network for detail, are always worked on in full."""
    uncertainty: bool = False
    """Also tell how far the result may be off at each place. The bundled models can tell, and GSAD's in a way of
    their own."""
    coverage: float = 0.9
    """How often the true values shall lie within what a map of uncertainty tells: 0.9 or 0.95 with the bundled
    models."""

    def __post_init__(self) -> None:
        if self.exposure is not None:
            object.__setattr__(self, "exposure", Exposure.of(self.exposure))
        object.__setattr__(self, "window", Window.of(self.window))
        if isinstance(self.strength, str) or not 0 <= _number(self.strength) <= 1:
            raise UsageError(f"strength is {self.strength!r}, expected 0 (the photo as it is) to 1 (fully enhanced)")
        if not isinstance(self.preset, str | None):
            raise UsageError(f"preset is {self.preset!r}, expected a name, or None for the model's first")
        if isinstance(self.uncertainty, str) or _number(self.uncertainty) not in (0, 1):
            raise UsageError(f"uncertainty is {self.uncertainty!r}, expected True or False")
        if isinstance(self.coverage, str) or not 0 < _number(self.coverage) < 1:
            raise UsageError(f"coverage is {self.coverage!r}, expected a share of the true values, such as 0.9")
        for name, known in (("lift", get_args(Lift)), ("deblock", get_args(Deblock)), ("speed", get_args(Speed))):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in known:
                raise UsageError(f"{name} is {value!r}, expected {' or '.join(known)}")
        for name in CONTROLS:
            value = getattr(self, name)
            if isinstance(value, str) or not -100 <= _number(value) <= 100:
                raise UsageError(f"{name} is {value!r}, expected -100 to 100 (0 changes nothing)")
            object.__setattr__(self, name, float(value))
        object.__setattr__(self, "strength", float(self.strength))
        object.__setattr__(self, "uncertainty", bool(self.uncertainty))
        object.__setattr__(self, "coverage", round(float(self.coverage), 6))  # 0.9 of single precision is 0.9
        for name, least in (("seed", None), ("steps", 1)):
            object.__setattr__(self, name, _whole(name, getattr(self, name), least))

    def changed(self, **changes: Any) -> Self:
        """The same but for these fields. Raises UsageError, also for a name that is none of them."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise UsageError(
                    f"there is no setting {name!r}: {hint_for(name, known, 'known are ' + ', '.join(known))}"
                )
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        window = Window.of(self.window)
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "exposure": None if self.exposure is None else dataclasses.asdict(Exposure.of(self.exposure)),
            "window": None if window is None else [window.side, window.stride],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`. Raises UsageError."""
        try:
            exposure, window = values.get("exposure"), values.get("window")
            made = {
                "exposure": Exposure(**exposure) if isinstance(exposure, dict) else exposure,
                "window": Window(*window) if isinstance(window, list | tuple) else window,
            }
            return cls().changed(**{**values, **made})
        except (TypeError, AttributeError) as error:
            raise UsageError(f"{values!r} are no settings ({one_line(error)}): expected what to_dict makes") from error


def _number(value: Any) -> float:
    """NaN for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _whole(name: str, value: Any, least: int | None) -> int | None:
    if value is None and least is not None:
        return None
    try:
        number = operator.index(value)
    except TypeError as error:
        raise UsageError(f"{name} is {value!r}, expected a whole number") from error
    if least is not None and number < least:
        raise UsageError(f"{name} is {number}, expected {least} or more")
    return number


def _no_exposure(got: str) -> UsageError:
    return UsageError(
        f"exposure {got} is neither stops from -{_MAX_STOPS} to {_MAX_STOPS} (such as +0.5) nor mean=V with V between "
        "0 and 1"
    )


DEFAULTS = Settings()
"""The model's own choices throughout."""
