"""The page as a folder: whole or not at all, with the models that were asked for, and nobody's files lost."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from darklift import ModelError, UsageError
from darklift.web import export
from darklift.web.export import export_site
from darklift.weights import find_model


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small page in the place of the built one."""
    folder = tmp_path / "built"
    (folder / "packs").mkdir(parents=True)
    for name in ("index.html", "main.js", "service_worker.js", "packs/runtime.js", "packs/graphics.bin"):
        (folder / name).write_text(f"this is {name}")
    monkeypatch.setattr(export, "SITE", folder)
    return folder


def pack(folder: Path, name: str) -> dict[str, bytes]:
    script = (folder / "packs" / f"{name}.js").read_text(encoding="ascii")
    called = re.fullmatch(r'darkliftPack\("(.+?)",(\{.*\})\);\n', script)
    assert called is not None
    assert called[1] == name
    return {file: gzip.decompress(base64.b64decode(text)) for file, text in json.loads(called[2]).items()}


def kept(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((folder / "kept.js").read_text().split("=", 1)[1].rstrip(";\n"))
    return found


def test_a_page_has_the_models_that_were_asked_for(tmp_path: Path) -> None:
    folder = export_site(tmp_path / "page", ["nano", "compact"])
    assert folder == tmp_path / "page"
    assert (folder / "index.html").read_text() == "this is index.html"
    told = json.loads(pack(folder, "models")["models.json"])
    assert [model["name"] for model in told] == ["nano", "compact"]
    for model in told:
        source = find_model(model["name"])
        files = pack(folder, f"model-{model['name']}")
        assert files == {file.name: file.read_bytes() for file in source.iterdir() if file.suffix in (".onnx", ".json")}
        assert model["bytes"] == sum(map(len, files.values()))
        assert model["uncertainty"] is True


def test_it_tells_which_files_to_keep(tmp_path: Path) -> None:
    folder = export_site(tmp_path / "page", ["nano", "compact"])
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    told = kept(folder)
    assert {*told["files"], *told["later"]} == {"./", *names}
    assert not {*told["files"]} & {*told["later"]}
    assert {"packs/model-compact.js", "packs/graphics.bin"} <= {*told["later"]}
    assert {"./", "index.html", "packs/model-nano.js", "packs/models.js"} <= {*told["files"]}


def test_another_page_has_another_version(tmp_path: Path, site: Path) -> None:
    versions = [kept(export_site(tmp_path / name, ["nano"]))["version"] for name in ("one", "two")]
    (site / "main.js").write_text("another")
    versions.append(kept(export_site(tmp_path / "three", ["nano"]))["version"])
    assert versions[0] == versions[1] != versions[2]


def test_an_earlier_export_is_replaced(tmp_path: Path, site: Path) -> None:
    folder = export_site(tmp_path / "page", ["nano", "compact"])
    (site / "main.js").write_text("another")
    export_site(folder, ["nano"])
    assert (folder / "main.js").read_text() == "another"
    assert not (folder / "packs/model-compact.js").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("page", "built")] == []


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_earlier_export_stays_where_a_new_one_fails(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    folder = export_site(tmp_path / "page", ["nano"])
    (site / "main.js").write_text("another")
    replace = Path.replace

    def fails(source: Path, target: Path) -> Path:
        if source.name == "made":
            raise stop
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(ModelError if isinstance(stop, OSError) else KeyboardInterrupt):
        export_site(folder, ["nano"])
    assert (folder / "main.js").read_text() == "this is main.js"
    assert {path.name for path in tmp_path.iterdir()} == {"page", "built"}


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    assert (export_site(tmp_path / "page", ["nano"]) / "index.html").is_file()


@pytest.mark.parametrize("begun", [False, True])
def test_a_folder_with_anything_else_stays(tmp_path: Path, begun: bool) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    if begun:
        export_site(folder, ["nano"])
    (folder / "my thesis.txt").write_text("years of work")
    before = {file: hashlib.sha256(file.read_bytes()).digest() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(UsageError, match=r"holds my thesis\.txt"):
        export_site(folder, ["nano"])
    after = {file: hashlib.sha256(file.read_bytes()).digest() for file in folder.rglob("*") if file.is_file()}
    assert after == before


def test_a_file_in_its_place_stays(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("mine")
    with pytest.raises(UsageError, match="is no folder"):
        export_site(tmp_path / "page", ["nano"])
    assert (tmp_path / "page").read_text() == "mine"


@pytest.mark.parametrize("models", [[], ["nano", "nano"], ["unheard-of"]])
def test_no_model_or_one_twice_is_refused(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(UsageError):
        export_site(tmp_path / "page", models)
    assert not (tmp_path / "page").exists()


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "damaged"
    copy.mkdir()
    for file in find_model("nano").iterdir():
        (copy / file.name).write_bytes(file.read_bytes()[: None if file.suffix == ".json" else -1])
    with pytest.raises(ModelError, match="damaged"):
        export_site(tmp_path / "page", [str(copy)])
    assert not (tmp_path / "page").exists()


def test_a_model_that_sees_all_at_once_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "whole"
    copy.mkdir()
    card = json.loads((find_model("nano") / "model.json").read_text())
    card["footprint"]["sees_whole"] = True
    (copy / "model.json").write_text(json.dumps(card))
    with pytest.raises(UsageError, match="does not run in browsers"):
        export_site(tmp_path / "page", [str(copy)])


def test_an_installation_without_the_page_says_so(tmp_path: Path, site: Path) -> None:
    (site / "index.html").unlink()
    with pytest.raises(ModelError, match="holds no page"):
        export_site(tmp_path / "page", ["nano"])
