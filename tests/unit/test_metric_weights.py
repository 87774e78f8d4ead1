"""Files that metrics need: known by their SHA-256, taken out of packages, and told of when they are missing."""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from darklift.errors import DataError, ModelError
from darklift.evaluation import metric_weights
from darklift.evaluation.metric_weights import WEIGHTS, add_weights, find, weights_folder
from darklift.evaluation.metrics import METRICS

CONTENT = b"weights, as published"
NAME = WEIGHTS[0].name


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The first of the known files is a short one of ours."""
    file = replace(WEIGHTS[0], sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    monkeypatch.setattr(metric_weights, "_BY_NAME", {file.name: file})
    monkeypatch.setattr(metric_weights, "_BY_SUM", {file.sha256: file})
    monkeypatch.setattr(metric_weights, "_SIZES", {file.size})
    return file


def test_every_file_that_a_metric_needs_is_known():
    names = {name for metric in METRICS for names in metric.needs.weights for name in names}
    assert names == {file.name for file in WEIGHTS}
    assert all(len(file.sha256) == 64 and file.licence and file.source for file in WEIGHTS)
    for file in WEIGHTS:  # torchvision's names hold the first eight digits
        if file.name in ("alexnet-owt-7be5be79.pth", "vgg16-397923af.pth"):
            assert file.sha256[:8] in file.name


def plain(path):
    path.write_bytes(CONTENT)


def wheel(path):
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("lpips/other.txt", "x" * len(CONTENT))
        package.writestr("lpips/weights/alex.pth", CONTENT)


def sdist(path):
    with tarfile.open(path, "w:gz") as package:
        entry = tarfile.TarInfo("a/b/weights.pt")
        entry.size = len(CONTENT)
        package.addfile(entry, io.BytesIO(CONTENT))


@pytest.mark.parametrize("make", [plain, wheel, sdist])
def test_a_file_is_recognised_whatever_it_is_called_and_where_it_lies(make, tmp_path):
    source, folder = tmp_path / "anything.bin", tmp_path / "new" / "folder"
    make(source)
    for _ in range(2):  # the second time it is there
        assert [file.name for file in add_weights([source], folder)] == [NAME]
    assert [path.name for path in folder.iterdir()] == [NAME]
    found = find(NAME, folder)
    assert found is not None
    assert found.read_bytes() == CONTENT


def test_a_file_that_holds_none_is_refused(tmp_path):
    other = tmp_path / "other.bin"
    for content in (b"x" * len(CONTENT), b"", b"PK\x03\x04 cut"):
        other.write_bytes(content)
        with pytest.raises(DataError, match=r"other\.bin"):
            add_weights([other], tmp_path / "folder")
    with pytest.raises(DataError, match="missing"):
        add_weights([tmp_path / "missing"], tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_damaged_file_is_told_and_can_be_replaced(tmp_path):
    assert find(NAME, tmp_path) is None
    (tmp_path / NAME).write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match=rf"{NAME}.*SHA-256"):
        find(NAME, tmp_path)
    source = tmp_path / "source"
    plain(source)
    add_weights([source], tmp_path)
    assert find(NAME, tmp_path) == tmp_path / NAME


def test_the_folder_is_the_one_asked_for_or_told_or_the_user_s(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DARKLIFT_METRIC_WEIGHTS", raising=False)
    assert weights_folder() == tmp_path / "cache" / "darklift" / "metrics"
    monkeypatch.setenv("DARKLIFT_METRIC_WEIGHTS", str(tmp_path / "told"))
    assert weights_folder() == tmp_path / "told"
    assert weights_folder(Path("asked")) == Path("asked")
