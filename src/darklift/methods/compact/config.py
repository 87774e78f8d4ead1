"""The ``[model]`` of a recipe for compact."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from darklift.image.overview import THUMBNAIL
from darklift.methods.base import MethodConfig

__all__ = ["CompactConfig"]


class CompactConfig(MethodConfig):
    """Sizes, and the weights of the objective's parts."""

    fine_widths: tuple[int, ...] = (32, 64, 128, 192)
    """Channels of each level of the fine net, from half the photo's resolution down, each level half the one before.
    More channels learn more, and take more time and memory.
    """
    coarse_widths: tuple[int, ...] = (24, 48, 96)
    """Channels of each level of the coarse net, from the thumbnail's 40 by 40 pixels down; at most 4 levels, the last a
    multiple of 4.
    """
    blocks: int = Field(default=2, ge=1)
    """Residual blocks in each level of the coarse net and of voters of kind picture. More are slower and learn more."""
    fine_blocks: Annotated[int, Field(ge=1)] | tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Residual blocks in each level of the fine net; or a number for each place of its way, such as [2, 1, 0, 1, 1] for
    three levels: two levels down, the bottom, the same two up again. None is as many as ``blocks``, everywhere.
    """
    maps: int = Field(default=12, ge=1)
    """Channels that the coarse net hands to the fine net, beside the coarse picture."""
    embedding: int = Field(default=128, ge=1)
    """Numbers in the vector by which the coarse net tells the fine net about the whole photo."""
    exposure_width: int = Field(default=32, ge=1)
    """Channels of the first layer of the net that predicts how bright the photo should be."""
    cues: bool = False
    """Whether the exposure net also sees how near its brightest pixels are to white and how neighbours differ
    (:attr:`darklift.image.overview.Overview.cues`).
    """
    voters: tuple[Literal["tone", "picture"], ...] = ()
    """More nets whose coarse pictures are averaged with the coarse net's own, a kind for each. tone: a colour matrix
    and curves, small. picture: a net like the coarse one. Each makes the model larger.
    """
    voter_widths: tuple[int, ...] = (24, 48, 96)
    """Channels of each level of voters of kind picture; see ``coarse_widths``."""
    voter_embedding: int = Field(default=128, ge=1)
    """Numbers in the vector that steers the blocks of voters of kind picture."""
    detail_width: int = Field(default=0, ge=0)
    """Channels of the detail net, which brings what the fine net makes of a large photo's small copy to full size. 0 is
    none: large photos take their whole time then.
    """
    detail_blocks: int = Field(default=4, ge=1)
    """Residual blocks of the detail net."""
    train_steps: int = Field(default=1000, ge=8)
    """Steps of the noise schedule (cosine) that sampling in few steps takes its levels from."""
    noisy_share: float = Field(default=0.6, ge=0, le=1)
    """Share of examples, from 0 to 1, that are nearly pure noise, where sampling in few steps takes place. With less,
    more examples are about the later of many steps.
    """
    noisy_abar: float = Field(default=0.01, ge=0, le=1)
    """How nearly pure: the noise level abar of those examples lies between 0, pure noise, and this."""
    ssim_weight: float = Field(default=0.3, ge=0)
    """Weight of the loss on structure, 1 - SSIM of the piece; the error in values (L1) counts 1."""
    coarse_weight: float = Field(default=0.5, ge=0)
    """Weight of the coarse picture's losses, relative to those of the piece."""
    exposure_weight: float = Field(default=0.1, ge=0)
    """Weight of the error of the predicted brightness, in stops of the coded value."""
    psnr_weight: float = Field(default=0.0, ge=0)
    """Weight of the dB that the PSNR is below 50, of the piece and of the coarse picture. 0 leaves it out."""
    lit_weight: float = Field(default=0.0, ge=0)
    """How much more an error counts where the dark picture is lit already, relative to what is dark: 1 is twice as
    much. More keeps lamps and lit walls as they are.
    """
    teacher_share: float = Field(default=0.5, ge=0, le=1)
    """Stage fine: how much of each target is the teacher's picture, from 0 to 1; the rest is the ground truth."""
    guess_share: float = Field(default=0.0, ge=0, le=1)
    """Share of examples, from 0 to 1, that are asked for a brightness as wrong as a guess in use would be."""
    guess_stops: float = Field(default=0.25, ge=0, le=2)
    """How wrong that guess is: the standard deviation, in stops of the coded value; at most twice that is drawn."""
    doubt_stops: float = Field(default=0.4, ge=0, le=2)
    """How far the predicted brightness may be off, in stops of the coded value. The coarse picture is averaged over √⅔
    of that more and less brightness; 0 averages nothing.
    """
    lights_kept: float = Field(default=0.5, ge=0, le=1)
    """How much is taken back, from 0 to 1, of a lift that would bleach what is lit
    (:func:`darklift.methods.compact.exposure.keep_lights`). More keeps lamps and signs darker.
    """
    seed: int = 0
    """Of the noise, noise levels and wrong guesses of training. ``train.seed`` draws the examples."""

    @field_validator("fine_widths", "coarse_widths", "voter_widths")
    @classmethod
    def _check_widths(cls, widths: tuple[int, ...], field: ValidationInfo) -> tuple[int, ...]:
        if not widths or min(widths) < 1:
            raise ValueError(f"expected at least one level of at least 1 channel, got {widths}")
        if field.field_name != "fine_widths" and (THUMBNAIL % 2 ** (len(widths) - 1) or widths[-1] % 4):
            raise ValueError(f"expected at most 4 levels, the last of a multiple of 4 channels, got {widths}")
        return widths

    @model_validator(mode="after")
    def _check_fine_blocks(self) -> Self:
        places = 2 * len(self.fine_widths) - 1
        if isinstance(self.fine_blocks, tuple) and len(self.fine_blocks) != places:
            raise ValueError(
                f"fine_blocks has {len(self.fine_blocks)} numbers, expected one, or {places}: {len(self.fine_widths)} "
                "levels down to the bottom, and up again"
            )
        return self

    @property
    def blocks_of_fine_net(self) -> tuple[int, ...]:
        """``fine_blocks``, a number for each place."""
        if isinstance(self.fine_blocks, tuple):
            return self.fine_blocks
        return (self.fine_blocks or self.blocks,) * (2 * len(self.fine_widths) - 1)
