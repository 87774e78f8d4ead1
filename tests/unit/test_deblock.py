"""Flat dark blocks are smoothed before they are lifted, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darklift.data.synthesis import code_in_blocks
from darklift.deblock import deblock


def noisy(rows: int = 96, columns: int = 128, scale: float = 6.0) -> np.ndarray:
    """A dark photo as sensors make it: 8 bits, its own noise in them."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(2, 12, columns)[None, None].repeat(rows, axis=1).repeat(3, axis=0)
    return np.clip(np.rint(ramp + rng.normal(0, scale / 6, ramp.shape)), 0, 255).astype(np.uint8)


def unit(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.float32) / 255


def blocked() -> np.ndarray:
    return code_in_blocks(noisy(), side=16, flat=4, steps=(1, 3))


def test_a_photo_with_noise_is_the_very_same_array() -> None:
    low = unit(noisy())
    assert deblock(low) is low


def test_steps_between_blocks_become_slopes_of_the_same_mean() -> None:
    low = unit(blocked())
    made = deblock(low)
    before, after = (np.abs(np.diff(planes.mean(axis=0), axis=1)).max() * 255 for planes in (low, made))
    assert before > 0.9
    assert after < 0.6
    # without the frame, where a window sees one side only
    inner = (slice(None), slice(24, -24), slice(24, -24))
    assert np.abs(made - low)[inner].mean() * 255 < 1.5
    assert made[inner].mean() == pytest.approx(low[inner].mean(), abs=0.3 / 255)


def test_what_is_nearly_black_loses_its_colour_and_what_is_not_keeps_it() -> None:
    codes = np.zeros((3, 96, 128), dtype=np.uint8)
    codes[0, :, :64], codes[2, :, 64:] = 2, 14
    made = deblock(unit(codes)) * 255
    spread = made.max(axis=0) - made.min(axis=0)
    assert spread[:, :40].max() < 0.2
    assert spread[:, 90:].min() > 12


def test_stars_and_edges_stay() -> None:
    codes = blocked()
    codes[:, 40, 60] = 40
    codes[:, :, 100:] = 200
    low = unit(codes)
    made = deblock(low)
    assert made is not low
    np.testing.assert_array_equal(made[:, 40, 60], low[:, 40, 60])
    np.testing.assert_array_equal(made[:, :, 100:], low[:, :, 100:])


def test_a_clean_gradient_of_16_bits_stays_as_it_is() -> None:
    ramp = np.linspace(400, 1400, 128 * 96).reshape(96, 128).round() / 65535
    low = np.stack([ramp, 0.9 * ramp, 0.8 * ramp]).astype(np.float32)
    assert deblock(low) is low


def test_it_sets_in_gradually_with_the_share_of_blocks() -> None:
    codes = blocked()
    changes = []
    for columns in (24, 32, 40, 128):
        mixed = noisy(scale=18)
        mixed[:, :, :columns] = codes[:, :, :columns]
        low = unit(mixed)
        changes.append(np.abs(deblock(low) - low)[:, :, :8].max())
    assert changes[0] == 0 < changes[-1]
    assert changes == sorted(changes)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_any_size_and_one_colour(rows: int, columns: int, code: int) -> None:
    low = np.full((3, rows, columns), code / 255, dtype=np.float32)
    made = deblock(low)
    assert made.shape == low.shape
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, low, atol=1e-3)
