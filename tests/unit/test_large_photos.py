"""The benchmark of large photos measures what it says, on pictures that are known."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("scipy")
from scipy.ndimage import gaussian_filter

QUALITY = Path(__file__).parents[2] / "benchmarks" / "quality"
Pixels = npt.NDArray[np.float64]


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(QUALITY)
    return importlib.import_module("large_measures")


@pytest.fixture
def shots(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(QUALITY)
    return importlib.import_module("large_shots")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(QUALITY)
    return importlib.import_module("large")


def step(blur: float = 0.5) -> Pixels:
    """An upright edge from 40 to 160 in 256×256 pixels."""
    plane = np.full((256, 256), 40.0)
    plane[:, 128:] = 160
    return gaussian_filter(plane, blur)


def coded(plane: Pixels) -> npt.NDArray[np.uint8]:
    return np.repeat(np.rint(plane.clip(0, 255)).astype(np.uint8)[:, :, None], 3, axis=2)


def photo(number: int = 0) -> npt.NDArray[np.float32]:
    """Texture of all sizes, (120, 160, 3)."""
    rng = np.random.default_rng(number)
    planes = sum(gaussian_filter(rng.normal(size=(120, 160, 3)), (size, size, 0)) * size for size in (1, 3, 9, 27))
    values: npt.NDArray[np.float32] = (0.5 + planes * 0.3).clip(0, 1).astype(np.float32)
    return values


@pytest.mark.parametrize("blur", [1.0, 2.0, 4.0])
def test_width_of_a_known_edge(measures: ModuleType, blur: float) -> None:
    """A Gaussian's distribution function takes 2.563 deviations from 10 to 90%."""
    reference = measures.Reference.of(coded(step()))
    assert len(reference.edges.places) > 100
    scores = measures.measure(coded(step(blur)), reference)
    assert scores["width"] == pytest.approx(2.563 * blur, abs=0.4)
    assert blur > 1 or scores["halo"] < 0.5


def test_width_heeds_no_noise(measures: ModuleType) -> None:
    noisy = step(2) + np.random.default_rng(0).normal(0, 4, (256, 256))
    found = measures.measure(coded(noisy), measures.Reference.of(coded(step())))
    assert found["width"] == pytest.approx(2.563 * 2, abs=0.6)


def test_known_halo(measures: ModuleType) -> None:
    """A tenth of the edge's height too bright beside it, on its light side only."""
    haloed = step()
    haloed[:, 129:140] += 12
    found = measures.measure(coded(haloed), measures.Reference.of(coded(step())))
    assert found["halo"] == pytest.approx(5, abs=0.7)


def test_known_noise_on_a_slope(measures: ModuleType) -> None:
    slope = np.linspace(30, 60, 256)[None, :].repeat(256, axis=0)
    reference = measures.Reference.of(coded(slope))
    assert reference.flat.all()
    still = measures.measure(coded(slope), reference)
    assert still["noise"] < 0.5
    assert still["blotches"] < 0.3
    noisy = slope[..., None] + np.random.default_rng(0).normal(0, 5, (256, 256, 3))
    found = measures.measure(np.rint(noisy).astype(np.uint8), reference)
    assert found["noise"] == pytest.approx(5, rel=0.03)
    assert found["blotches"] == pytest.approx(5 / 8, rel=0.25), "white noise, averaged over 64 pixels"


def test_where_it_is_bright_or_has_texture_is_no_noise(measures: ModuleType) -> None:
    assert not measures.Reference.of(coded(np.full((64, 64), 200.0))).flat.any()
    assert not measures.Reference.of(coded(255 * photo()[..., 0].astype(float))).flat.any()


def test_texture_counts_brightness_for_brightness(measures: ModuleType) -> None:
    rng = np.random.default_rng(1)
    wanted = (100 + 8 * gaussian_filter(rng.normal(size=(256, 256)), 0.8)).astype(np.float32)
    assert measures.texture_kept(wanted, wanted) == pytest.approx(1)
    assert measures.texture_kept(wanted * 0.6, wanted) == pytest.approx(1, abs=0.05)
    assert measures.texture_kept(100 + (wanted - 100) / 2, wanted) == pytest.approx(0.5, abs=0.02)
    noisy = wanted + rng.normal(0, 3, wanted.shape).astype(np.float32)
    assert measures.texture_kept(noisy, wanted) == pytest.approx(1, abs=0.05)


def test_detail_does_not_mind_tones(measures: ModuleType) -> None:
    wanted = coded(60 + 80 * photo()[..., 0].astype(float))
    lighter = wanted + np.uint8(20)
    noisy = np.rint(wanted + np.random.default_rng(0).normal(0, 5, wanted.shape)).astype(np.uint8)
    assert measures.detail_psnr(lighter, wanted) > 60
    assert measures.detail_psnr(noisy, wanted) == pytest.approx(20 * np.log10(255 / 5), abs=0.3)


def test_a_scene_is_the_same_each_time_and_fine_at_each_pixel(shots: ModuleType) -> None:
    scenes = importlib.import_module("large_scenes")
    photos = [photo(number) for number in range(3)]
    for number in range(3):
        scene = scenes.make_scene(number, 320, 240, photos)
        assert scene.shape == (240, 320, 3)
        assert (scene == scenes.make_scene(number, 320, 240, photos)).all()
        assert (scene != scenes.make_scene(number + 3, 320, 240, photos)).mean() > 0.5
        finest = scene.astype(float) - gaussian_filter(scene.astype(float), (1, 1, 0))
        assert np.abs(finest).max() > 10


def test_shots_are_as_dark_as_they_say_and_phones_are_soft(shots: ModuleType) -> None:
    scenes = importlib.import_module("large_scenes")
    scene = scenes.make_scene(2, 320, 240, [photo(number) for number in range(3)])
    taken = {kind: shots.shoot(scene, kind, 2.0, 0) for kind in shots.KINDS}
    assert (taken["camera"].truth == scene).all()
    sharpness = {kind: np.abs(np.diff(shot.truth.astype(int), axis=1)).max() for kind, shot in taken.items()}
    assert sharpness["phone"] < sharpness["camera"]
    for shot in taken.values():
        light, dark = (np.mean((picture / 255) ** 2.2) for picture in (shot.truth, shot.dark))
        assert np.log2(light / dark) == pytest.approx(2, abs=0.3)
        assert 85 <= shot.quality <= 95


def test_a_variant_is_what_its_text_says(large: ModuleType, tmp_path: Path) -> None:
    assert large.Variant.of("default").settings == {}
    found = large.Variant.of(f"steps=2,lift=full,model=nano,resize=4,src={tmp_path}")
    assert found.settings == {"steps": 2, "lift": "full"}
    assert (found.model, found.resize, found.src) == ("nano", 4.0, tmp_path)


def test_scores_are_kept_for_as_long_as_what_made_them(large: ModuleType, tmp_path: Path) -> None:
    """A model by path that is exported anew, or another build's code."""
    package, model = tmp_path / "src" / "darklift", tmp_path / "model"
    for folder in (package, model):
        folder.mkdir(parents=True)
        (folder / "file").write_text("first")
    variant = large.Variant.of(f"src={package.parent},model={model}")
    first = variant.code()
    assert variant.code() == first
    for folder in (package, model):
        (folder / "file").write_text("second")
        assert variant.code() != first
        first = variant.code()
