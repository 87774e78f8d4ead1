"""Training examples: a pure function of their number, the same geometry for both halves, shares as stated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darklift.data import sources
from darklift.data.crop import cut, unit_of
from darklift.data.sources import Mixture, Source
from darklift.diffusion import random_generator
from darklift.errors import DataError, ImageError
from darklift.image import Metadata, Picture, from_array, write_image
from darklift.image.overview import describe
from profiles import P3, SRGB_CURVE, make_profile


def coordinates(height, width, picture):
    """Each pixel says where it is: row, column, number of the picture."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, np.full_like(rows, picture)], axis=2).astype(np.uint8)


@pytest.fixture
def make_source(tmp_path):
    """Pairs whose high half says where each pixel is, and whose low half is its negative."""

    def make(name="pairs", sizes=((60, 80), (90, 50)), photos=False, **settings):
        highs, lows = [], []
        for number, size in enumerate(sizes):
            high = coordinates(*size, number)
            for paths, role, pixels in ((highs, "high", high), (lows, "low", 255 - high)):
                paths.append(tmp_path / f"{name}_{number}_{role}.png")
                Image.fromarray(pixels).save(paths[-1])
        return Source(name, tuple(highs), None if photos else tuple(lows), **settings)

    return make


def draw(mixture, index, size=32, seed=0):
    return mixture.draw(index, size, random_generator(seed, "example", index))


def assert_same(one, other):
    for name in ("low", "high", "box", "photo_low", "photo_high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.name, one.index) == (other.name, other.index)


def test_the_same_number_is_the_same_example_whatever_came_before(make_source):
    sources = (
        make_source("a", jitter=0.8, grainy=0.5, recompressed=0.5),
        make_source("b", photos=True),
    )
    loaded, fresh = Mixture(sources), Mixture(sources)
    loaded.load()
    forwards = [draw(loaded, index) for index in range(30)]
    for index in reversed(range(30)):
        assert_same(draw(fresh, index), forwards[index])
    assert len({crop.low.tobytes() for crop in forwards}) > 25


def test_photos_beyond_what_may_be_held_are_decoded_when_they_are_drawn(make_source, monkeypatch):
    mine = (make_source("a"), make_source("b", photos=True, sizes=((40, 50), (60, 80), (70, 30))))
    held, streamed = Mixture(mine), Mixture(mine)
    held.load()
    monkeypatch.setattr(sources, "HELD_PHOTOS", 3 * 40 * 50)
    decoded = []
    decode = sources._decode
    monkeypatch.setattr(sources, "_decode", lambda path: decoded.append(path) or decode(path))
    streamed.load()
    assert len(decoded) == 7, "each file once, so that a damaged one is found"
    assert set(streamed._pictures) == {*mine[0].highs, *mine[0].lows, mine[1].highs[0]}
    decoded.clear()
    for index in range(20):
        assert_same(draw(streamed, index), draw(held, index))
    assert set(decoded) == set(mine[1].highs[1:])
    assert len(streamed._pictures) == 5


def test_another_seed_is_another_example(make_source):
    mixture = Mixture((make_source(),))
    assert any(not np.array_equal(draw(mixture, i).high, draw(mixture, i, seed=1).high) for i in range(3))


def test_both_halves_have_the_same_geometry(make_source):
    mixture = Mixture((make_source(turn_share=0.5),))
    mixture.load()
    for index in range(60):
        crop = draw(mixture, index)
        np.testing.assert_array_equal(crop.low, 255 - crop.high)
        np.testing.assert_array_equal(crop.photo_low, 255 - crop.photo_high)
        assert crop.high.shape == (3, 32, 32)
        assert crop.high.flags.c_contiguous
        assert crop.low.flags.c_contiguous


def test_the_box_says_where_in_the_photo_the_crop_lies(make_source):
    mixture = Mixture((make_source(turn_share=0.5),))
    for index in range(40):
        crop = draw(mixture, index)
        height, width = crop.photo_high.shape[1:]
        edges = crop.box * [height, width, height, width]
        top, left, bottom, right = np.rint(edges).astype(int)
        np.testing.assert_allclose(edges, np.rint(edges), atol=1e-4)
        np.testing.assert_array_equal(crop.photo_high[:, top:bottom, left:right], crop.high)
        assert crop.box.dtype == np.float32


def test_the_photo_is_an_upright_part_turned_and_mirrored_as_often_as_stated(make_source):
    mixture = Mixture((make_source(sizes=((70, 90),), part_share=0.4, turn_share=0.3),))
    mixture.load()
    parts = turns = mirrors = 0
    for index in range(600):
        photo = draw(mixture, index).photo_high.astype(int)
        rows, columns = photo[0], photo[1]
        turned = rows[0, 0] != rows[0, -1]
        down, across = (columns, rows) if turned else (rows, columns)
        # np.rot90 turns anticlockwise: what was the right column is then the top row.
        assert (np.diff(down, axis=0) == (-1 if turned else 1)).all(), "upside down"
        mirrored = across[0, 0] > across[0, -1]
        assert (np.diff(across, axis=1) == (-1 if mirrored else 1)).all()
        parts += sorted(photo.shape[1:]) != [70, 90]
        turns += turned
        mirrors += mirrored
        assert min(photo.shape[1:]) >= 35
    assert parts / 600 == pytest.approx(0.4, abs=0.06)
    assert turns / 600 == pytest.approx(0.3, abs=0.06)
    assert mirrors / 600 == pytest.approx(0.5, abs=0.06)


def test_every_place_of_a_picture_is_trained_on(make_source):
    mixture = Mixture((make_source(sizes=((20, 22),)),))
    seen = np.zeros((20, 22), bool)
    for index in range(300):
        high = draw(mixture, index, size=16).high
        seen[high[0], high[1]] = True
    assert seen.all()


@given(
    shape=st.tuples(st.integers(16, 80), st.integers(16, 80)),
    size=st.integers(1, 16),
    seed=st.integers(0, 2**32),
    part_share=st.floats(0, 1),
    turn_share=st.floats(0, 1),
)
@settings(max_examples=200, deadline=None)
def test_a_cut_lies_inside_its_picture(shape, size, seed, part_share, turn_share):
    place = cut(shape, size, np.random.default_rng(seed), part_share=part_share, turn_share=turn_share)
    picture = coordinates(*shape, 0).transpose(2, 0, 1)
    photo = place.photo(picture)
    assert place.crop(photo).shape == (3, size, size)
    top, left, bottom, right = place.box(photo)
    assert 0 <= top < bottom <= 1
    assert 0 <= left < right <= 1
    for side, whole in zip((place.rows, place.columns), shape, strict=True):
        assert 0 <= side.start < side.stop <= whole
        assert side.stop - side.start >= max(size, round(whole / 2))


def test_shares_are_respected(make_source):
    sources = tuple(make_source(n, photos=n == "c", share=s) for n, s in (("a", 3.0), ("b", 1.5), ("c", 0.5)))
    mixture = Mixture(sources)
    mixture.load()
    names = [draw(mixture, index, size=8).name.split("/")[0] for index in range(1500)]
    for source in sources:
        # Four standard deviations of the count.
        share = source.share / 5
        assert names.count(source.name) / 1500 == pytest.approx(share, abs=4 * (share * (1 - share) / 1500) ** 0.5)


def test_all_pictures_of_a_source_are_drawn_alike(make_source):
    mixture = Mixture((make_source(sizes=[(20, 20)] * 5),))
    mixture.load()
    numbers = [int(draw(mixture, index, size=8).high[2, 0, 0]) for index in range(1000)]
    assert [numbers.count(n) / 1000 for n in range(5)] == pytest.approx([0.2] * 5, abs=0.05)


@pytest.mark.parametrize("photos", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (9, 50), (31, 200), (32, 32)])
def test_pictures_smaller_than_the_crop_are_extended_by_reflection(make_source, photos, size):
    mixture = Mixture((make_source(sizes=(size,), photos=photos, turn_share=0, part_share=0),))
    mixture.load()
    for index in range(5):
        crop = draw(mixture, index)
        assert crop.low.shape == crop.high.shape == (3, 32, 32)
        assert crop.photo_high.shape == (3, max(32, size[0]), max(32, size[1]))
        rows = crop.photo_high[0, :, 0].astype(int)
        expected = np.pad(np.arange(size[0]), (0, max(0, 32 - size[0])), mode="symmetric")
        np.testing.assert_array_equal(rows, expected)


def test_the_photo_darkened_on_the_fly_is_darker_and_keeps_its_place(make_source):
    source = make_source(photos=True, max_stops=7.0)
    mixture = Mixture((source,))
    for index in range(20):
        crop = draw(mixture, index)
        height, width = crop.photo_low.shape[1:]
        top, left, bottom, right = np.rint(crop.box * [height, width, height, width]).astype(int)
        np.testing.assert_array_equal(crop.photo_low[:, top:bottom, left:right], crop.low)
        assert crop.photo_low.mean() < crop.photo_high.mean() * 1.2


def test_jitter_stays_within_its_stops(make_source):
    mixture = Mixture((make_source(sizes=((40, 40),), jitter=0.5),))
    ratios = []
    for index in range(100):
        crop = draw(mixture, index)
        plain = 255 - crop.high[:2].astype(float)
        kept = crop.low[:2] < 255
        ratios.append(np.median(np.log2(crop.low[:2][kept] / plain[kept])) if kept.any() else 0.5)
    assert max(np.abs(ratios)) <= 0.5 + 0.01
    assert min(ratios) < -0.35
    assert max(ratios) > 0.2


@pytest.mark.parametrize("change", ["recompressed", "grainy"])
def test_as_many_are_changed_as_stated_and_never_the_target(make_source, change):
    mixture = Mixture((make_source(sizes=((40, 40),), **{change: 0.3}),))
    changed = 0
    for index in range(300):
        crop = draw(mixture, index)
        changed += not np.array_equal(crop.low, 255 - crop.high)
        assert set(np.unique(np.diff(crop.high[0].astype(int)))) <= {-1, 0, 1}
    assert changed / 300 == pytest.approx(0.3, abs=0.1)


def test_as_many_are_coded_in_blocks_as_stated_and_never_the_target(make_source, monkeypatch):
    coded = []
    monkeypatch.setattr(sources, "code_in_blocks", lambda planes, **_: coded.append(1) or np.zeros_like(planes))
    plain, mixture = (Mixture((make_source(sizes=((64, 64),), in_blocks=share),)) for share in (0.0, 0.3))
    for index in range(300):
        before = len(coded)
        one, other = draw(plain, index), draw(mixture, index)
        np.testing.assert_array_equal(one.photo_high, other.photo_high)
        assert (not other.photo_low.any()) == (len(coded) > before)
    assert len(coded) / 300 == pytest.approx(0.3, abs=0.1)


def test_a_scene_lit_unevenly_keeps_its_lights_and_some_of_its_night(make_source):
    plain, uneven = (
        Mixture((make_source(sizes=((128, 128),), photos=True, max_stops=0, uneven=power),)) for power in (0.0, 2.0)
    )
    for index in range(20):
        crop = draw(uneven, index)
        good, low, target = (
            np.square(planes / 255.0).mean(axis=0) ** 0.5
            for planes in (draw(plain, index).photo_high, crop.photo_low, crop.photo_high)
        )
        light, dark = good >= np.quantile(good, 0.97), good <= np.quantile(good, 0.3)
        assert target[light].mean() == pytest.approx(good[light].mean(), rel=0.1)
        assert low[dark].mean() < target[dark].mean() < good[dark].mean()
        assert low.mean() < target.mean() < good.mean()


def test_real_shots_lose_light_before_they_are_rounded(make_source):
    plain, dimmed = (Mixture((make_source(sizes=((40, 40),), dimmed=stops),)) for stops in ((0, 0), (1, 3)))
    stops = []
    for index in range(60):
        bright, dark = draw(plain, index).low[0].astype(float), draw(dimmed, index).low[0].astype(float)
        lit = bright > 200  # where codes are light to the power of 1/2.3, nearly
        stops.append(-2.3 * np.log2(dark[lit] / bright[lit]).mean())
        np.testing.assert_array_equal(draw(plain, index).high, draw(dimmed, index).high)
    assert 0.9 < min(stops) < 1.5
    assert 2.5 < max(stops) < 3.2


def test_what_a_phone_loses_stays_dark_where_it_is_asked_for(make_source):
    whole, lost = (
        Mixture((make_source(sizes=((128, 128),), photos=True, phone=True, max_stops=4, lost_stays=stays),))
        for stays in (False, True)
    )
    darker = 0
    for index in range(20):
        one, other = draw(whole, index), draw(lost, index)
        np.testing.assert_array_equal(one.photo_low, other.photo_low)
        assert (other.photo_high <= one.photo_high).all()
        assert one.photo_low.mean() < one.photo_high.mean()
        darker += not np.array_equal(one.photo_high, other.photo_high)
    assert darker > 5


def test_what_a_real_dark_picture_lost_stays_dark(tmp_path):
    low, high = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 120, np.uint8)
    low[:16], high[:16] = 200, 255
    for name, pixels in (("low", low), ("high", high)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    source = Source(
        "it", (tmp_path / "high.png",), (tmp_path / "low.png",), lost_stays=True, part_share=0, turn_share=0
    )
    target = draw(Mixture((source,)), 0, size=64).photo_high
    assert (target[:, :12] == 255).all()
    assert target[:, 24:].max() < 3


def test_half_of_the_targets_are_exposed_otherwise_and_then_choose_no_brightness(make_source):
    plain, mixture = (Mixture((make_source(sizes=((40, 40),), re_exposed=stops),)) for stops in (0.0, 0.4))
    ratios = []
    for index in range(200):
        one, other = draw(plain, index), draw(mixture, index)
        np.testing.assert_array_equal(one.low, other.low)
        if other.exposure_weight:
            np.testing.assert_array_equal(one.photo_high, other.photo_high)
            continue
        height, width = other.photo_high.shape[1:]
        top, left, bottom, right = np.rint(other.box * [height, width, height, width]).astype(int)
        np.testing.assert_array_equal(other.photo_high[:, top:bottom, left:right], other.high)
        ratios.append(np.log2(other.photo_high.mean() / one.photo_high.mean()))
    assert len(ratios) / 200 == pytest.approx(0.5, abs=0.12)
    assert -0.42 < min(ratios) < -0.3
    assert 0.3 < max(ratios) < 0.42


def test_an_example_carries_its_number_its_file_and_its_weights(make_source):
    source = make_source("lol", sizes=((40, 40),), exposure_weight=0.3, clipped_weight=0.2)
    crop = draw(Mixture((source,)), 17)
    assert (crop.index, crop.name) == (17, "lol/lol_0_high.png")
    assert (crop.exposure_weight, crop.clipped_weight) == (0.3, 0.2)


def test_a_pair_that_differs_in_size_is_refused_by_name(make_source, tmp_path):
    source = make_source()
    Image.fromarray(coordinates(60, 81, 0)).save(source.lows[0])
    with pytest.raises(DataError, match=r"pairs_0_low\.png.*60, 81.*pairs_0_high\.png.*60, 80"):
        Mixture((source,)).load()


@pytest.mark.parametrize("lows", [(), None])
def test_a_source_without_pictures_is_refused_by_name(make_source, lows):
    with pytest.raises(DataError, match="nothing"):
        Mixture((make_source(), Source("nothing", (), lows))).load()
    with pytest.raises(DataError, match="no sources"):
        Mixture(()).load()


def test_a_damaged_picture_stops_the_loading(make_source):
    source = make_source()
    source.highs[1].write_bytes(b"no picture")
    with pytest.raises(ImageError, match="pairs_1_high"):
        Mixture((source,)).load()


def test_loading_decodes_each_file_once(make_source, monkeypatch):
    import darklift.data.sources as module

    source, decoded = make_source(sizes=((20, 20),) * 3), []
    read = module.read_image
    monkeypatch.setattr(module, "read_image", lambda path: decoded.append(Path(path).name) or read(path))
    twins = Source("twins", source.highs * 2, source.lows * 2)
    mixture = Mixture((twins,))
    mixture.load()
    for index in range(10):
        draw(mixture, index, size=8)
    assert sorted(decoded) == sorted({path.name for path in (*source.highs, *source.lows)})


# --- more than 8 bits -------------------------------------------------------------------------------------------------


def fine_codes(shift=0, size=(60, 80)):
    """Codes of 16 bits, all within four codes of 8."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    return np.stack([300 + 9 * rows + shift, 400 + 7 * columns + shift, 500 + rows + columns], axis=2).astype(np.uint16)


@pytest.fixture
def make_deep(tmp_path):
    """One pair of these arrays as files, of 8 bits or of 16."""

    def make(low, high, ending=".png", name="deep", **settings):
        paths = []
        for role, values in (("low", low), ("high", high)):
            paths.append(tmp_path / f"{name}_{role}{ending}")
            write_image(from_array(values), paths[-1])
        return Mixture((Source(name, (paths[1],), (paths[0],), **settings),))

    return make


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_files_of_16_bits_are_cut_turned_and_mirrored_with_all_of_them(make_deep, ending):
    codes = fine_codes()
    mixture = make_deep(65535 - codes, codes, ending, turn_share=0.5)
    mixture.load()
    known = {tuple(code) for code in codes.reshape(-1, 3).tolist()}
    for index in range(20):
        crop = draw(mixture, index)
        assert {each.dtype for each in (crop.low, crop.high, crop.photo_low, crop.photo_high)} == {np.dtype(np.uint16)}
        np.testing.assert_array_equal(crop.low, 65535 - crop.high)
        np.testing.assert_array_equal(crop.photo_low, 65535 - crop.photo_high)
        assert {tuple(code) for code in crop.high.reshape(3, -1).T.tolist()} <= known


def test_levels_within_one_code_of_8_bits_are_different_inputs(make_deep, make_compact):
    """Of the network: the piece itself, and what it is told of the whole photo."""
    (stage, *_), codes = make_compact(cues=True).stages, fine_codes()
    one, other = (make_deep(fine_codes(shift), codes, name=name) for shift, name in ((0, "a"), (6, "b")))
    # they are the same, or one apart in some pixels, once rounded to 8 bits
    assert np.abs(np.rint(codes / 257) - np.rint(fine_codes(6) / 257)).max() <= 1
    first, second = (stage.prepare(draw(mixture, 3)) for mixture in (one, other))
    np.testing.assert_allclose(second["low"][:2] - first["low"][:2], 6 / 65535, rtol=1e-3)
    assert len(np.unique(first["low"])) > 100
    for name in ("thumbnail", "statistics", "cues"):
        assert not np.array_equal(first[name], second[name]), name
    np.testing.assert_array_equal(first["x0"], second["x0"])


def test_training_is_told_the_same_of_a_photo_as_in_use(make_deep):
    codes = fine_codes()
    mixture = make_deep(codes, codes, part_share=0, turn_share=0)
    crop = next(crop for crop in (draw(mixture, index) for index in range(9)) if crop.photo_low[0, 0, 0] == 300)
    used = describe((codes / np.float32(65535)).transpose(2, 0, 1), bits=16)
    np.testing.assert_array_equal(describe(crop.photo_low).statistics[4:], used.statistics[4:])


@pytest.mark.parametrize("deep", ["low", "high"])
def test_each_half_of_a_pair_has_its_own_bits(make_deep, deep):
    fine, coarse = fine_codes(), np.rint(fine_codes() / 257).astype(np.uint8)
    mixture = make_deep(*((fine, coarse) if deep == "low" else (coarse, fine)), jitter=0.0)
    mixture.load()
    crop = draw(mixture, 0)
    assert (crop.low.dtype, crop.high.dtype) == ((np.uint16, np.uint8) if deep == "low" else (np.uint8, np.uint16))
    low, high = (each / np.iinfo(each.dtype).max for each in (crop.low, crop.high))
    np.testing.assert_allclose(low, high, atol=0.51 / 255)


@pytest.mark.parametrize(
    ("change", "bits"), [({"jitter": 0.8}, 16), ({"recompressed": 1.0}, 8), ({"in_blocks": 1.0}, 8)]
)
def test_what_went_through_a_file_of_8_bits_has_8(make_deep, change, bits):
    mixture = make_deep(fine_codes(), fine_codes(), **change, re_exposed=0.4)
    for index in range(6):
        crop = draw(mixture, index)
        assert crop.low.dtype == crop.photo_low.dtype == np.dtype(f"uint{bits}")
        assert crop.high.dtype == crop.photo_high.dtype == np.uint16, "targets keep theirs"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_other_colours_than_srgb_are_converted_to_it(dtype, tmp_path):
    """A gray stays what it is; a green of Display P3 is more of a green in sRGB."""
    top = np.iinfo(dtype).max
    pixels = np.full((40, 40, 3), top // 4, dtype)
    pixels[20:] = (top * 3 // 10, top // 2, top * 3 // 10)
    plain, wide = tmp_path / "plain.png", tmp_path / "wide.tif"
    picture = from_array(pixels)
    write_image(picture, plain)
    profile = make_profile(P3, SRGB_CURVE)
    write_image(replace(picture, metadata=Metadata(icc_profile=profile)), wide)
    mixture = Mixture((Source("pairs", (plain,), (wide,), part_share=0),))
    mixture.load()
    crop = draw(mixture, 0)
    assert (crop.high.dtype, crop.low.dtype) == (dtype, np.uint16)
    high, low = (unit_of(planes) for planes in (crop.photo_high, crop.photo_low))
    gray = high[0] == high[1]
    assert {True, False} == set(gray.ravel().tolist())
    np.testing.assert_allclose(low[:, gray], high[:, gray], atol=2e-5)
    light = ((high[:, ~gray][:, 0] + 0.055) / 1.055) ** 2.4  # IEC 61966-2-1
    # from Display P3's primaries to those of sRGB, both with D65, as CSS Color 4 has them
    light = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]) @ light
    green = 1.055 * light ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(low[:, ~gray][:, 0], green, atol=0.002)


def test_colours_that_cannot_be_converted_are_refused_by_name(tmp_path):
    profile = make_profile(P3, SRGB_CURVE, more={b"cicp": b"cicp" + bytes(4) + b"\x09\x10\0\1"})
    file = write_image(
        Picture(np.full((8, 8, 3), 0.5, np.float32), metadata=Metadata(icc_profile=profile)), tmp_path / "hdr.png"
    )
    with pytest.raises(ImageError, match=r"hdr\.png.*high dynamic range"):
        Mixture((Source("photos", (file,), None),)).load()
