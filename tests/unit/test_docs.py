"""The documentation: links lead somewhere, every page is in the site's menu, and its tables leave nothing out."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from darklift.evaluation.baselines import BASELINES
from darklift.evaluation.foreign import read_card
from darklift.evaluation.metric_weights import WEIGHTS
from darklift.evaluation.metrics import METRICS
from darklift.image import SUPPORTED_EXTENSIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SHELVES = ("guides", "reference", "explanation", "lab")
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")),
]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """Without what is in fences, where brackets are code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Where links and pictures lead, but for those to other sites and the names that mkdocstrings looks up."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub and the site both make them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in links(prose(page)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_site_holds_what_its_pages_link_to(page: Path) -> None:
    """A page of the site can only lead to what the site holds; sources are named as code."""
    names = [link.partition("#")[0] for link in links(prose(page))]
    assert [name for name in names if name and DOCS not in (page.parent / name).resolve().parents] == []


def test_every_page_stands_on_a_shelf_and_in_the_menu() -> None:
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert {page.split("/")[0] for page in pages} == {*SHELVES, "index.md"}
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(listed(yaml.safe_load(settings)["nav"])) == pages


def listed(menu: object) -> list[str]:
    if isinstance(menu, str):
        return [menu]
    entries = menu.values() if isinstance(menu, dict) else menu
    return [page for entry in entries for page in listed(entry)]  # type: ignore[attr-defined]


def test_every_file_format_has_its_row() -> None:
    page = (DOCS / "reference" / "formats.md").read_text(encoding="utf-8")
    assert {extension for extension in SUPPORTED_EXTENSIONS if f"`{extension}`" not in page} == set()


def test_every_metric_has_its_row() -> None:
    page = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    table = page.partition("## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", table, re.MULTILINE))
    for metric in METRICS:
        assert [cell.strip() for cell in rows[metric.base].split("|")[1:3]] == [metric.better, metric.range]
    assert all(file.source.split()[-1] in page for file in WEIGHTS if "lpips" in file.source or "DISTS" in file.source)


def test_every_baseline_and_key_of_a_network_s_card_is_explained(tmp_path: Path) -> None:
    guide = (DOCS / "guides" / "evaluate.md").read_text(encoding="utf-8")
    assert {name for name in BASELINES if f"| `{name}` |" not in guide} == set()
    (shown,) = re.findall(r"^```toml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    (tmp_path / "card.toml").write_text(shown, encoding="utf-8")
    card = read_card(tmp_path / "card.toml")
    assert (card.model.name, card.range, card.layout, card.multiple) == ("retinexformer.onnx", "unit", "NCHW", 4)
    assert {field.name for field in fields(card) if field.name not in shown and f"`{field.name}`" not in guide} == set()


def test_every_recipe_is_explained() -> None:
    guide = (DOCS / "guides" / "train.md").read_text(encoding="utf-8")
    recipes = {path.stem for path in (ROOT / "src" / "darklift" / "recipes").glob("*.toml")}
    assert {name for name in recipes if f"`{name}`" not in guide} == set()


def test_every_room_is_on_a_floor() -> None:
    page = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "src" / "darklift").glob("*/__init__.py")}
    assert {room for room in rooms if f"`{room}`" not in page} == set()


@pytest.mark.parametrize("picture", sorted((DOCS / "pictures").iterdir()), ids=lambda picture: picture.name)
def test_every_picture_is_shown(picture: Path) -> None:
    assert any(picture.name in page.read_text(encoding="utf-8") for page in PAGES)


def test_the_example_report_has_the_figures_of_the_table_of_ours():
    """Both are made by commands that anybody can run, so one that was not run again shows."""
    report = (DOCS / "lab/lolv1-val.html").read_text(encoding="utf-8")
    table = (DOCS / "reference/protocols.md").read_text(encoding="utf-8")
    for method, shown in (("compact", "compact-val, 1 step"), ("nano", "nano-val, 1 step"), ("gamma2.2", "gamma2.2")):
        told = re.search(rf"^\| \[?{re.escape(method)}\b[^|]*\| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)
        row = re.search(rf">{re.escape(shown)}</th>(.*?)</tr>", report, re.DOTALL)
        assert told is not None, method
        assert row is not None, method
        scores = re.findall(r'data-value="([\d.]+)"', row[1])[1:5]
        decibels, similarities = [f"{float(s):.2f}" for s in scores[::2]], [f"{float(s):.4f}" for s in scores[1::2]]
        assert [f"{d} / {s[1:]}" for d, s in zip(decibels, similarities, strict=True)] == list(told.groups()), method
