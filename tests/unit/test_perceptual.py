"""What LPIPS and DISTS refuse, with weights or without; their numbers are in tests/golden."""

from pathlib import Path

import numpy as np
import pytest

from darklift.errors import ModelError, UsageError
from darklift.evaluation.latest import Latest
from darklift.evaluation.perceptual import _alex, _dists, _vgg, dists, lpips_alex, lpips_vgg


@pytest.fixture(autouse=True)
def nothing_open():
    for opened in (_alex, _vgg, _dists):
        opened.cache_clear()


@pytest.mark.parametrize("function", [lpips_alex, lpips_vgg, dists])
def test_missing_weights_are_named(function, tmp_path: Path):
    picture = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ModelError, match=r"no weights .*darklift metrics"):
        function(picture, picture, folder=tmp_path)


def test_small_pictures_are_refused_before_the_network_sees_them(tmp_path, monkeypatch):
    from darklift.evaluation import perceptual

    monkeypatch.setattr(perceptual, "_alex", lambda folder: None)
    with pytest.raises(UsageError, match=r"40×30 .*31"):
        lpips_alex(np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40, 3), np.uint8), folder=tmp_path)


def test_what_was_last_made_is_not_made_again_and_never_for_another_array():
    made, latest = [], Latest()
    one, other = np.zeros(3), np.zeros(3)

    def make():
        made.append(len(made))
        return made[-1]

    assert [latest.get(arrays, make) for arrays in ((one,), (one,), (other,), (one,), (one, other))] == [0, 0, 1, 2, 3]
