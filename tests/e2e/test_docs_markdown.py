"""What is made from the source while the documentation site is built."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

import darklift

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "reference" / "recipes.md"
markdown = pytest.importorskip("markdown", reason="the extra docs is not installed")
for package in ("griffe", "latex2mathml"):
    pytest.importorskip(package, reason="the extra docs is not installed")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    import docs_markdown

    return docs_markdown


def test_every_command_and_option_is_told_of(site: ModuleType) -> None:
    from darklift.cli import app

    page = "\n".join(site.command_reference())
    for name, command in typer.main.get_command(app).commands.items():
        assert f"## darklift {name}\n" in page
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help" and not parameter.hidden:
                assert f"`{parameter.opts[0]}`" in page
    assert "auto, onnx, openvino, torch" in page
    assert "darklift enhance night.jpg\n" in page


def test_commands_of_a_command_are_told_of(site: ModuleType) -> None:
    made = "\n".join(site.command_reference())
    assert made.index("## darklift datasets\n") < made.index("## darklift datasets check\n") < made.index("`--against`")


def test_every_data_set_is_told_of(site: ModuleType) -> None:
    from darklift.data import BENCHMARKS

    page = "\n".join(site.data_sets())
    for layout in BENCHMARKS:
        assert f"## {layout.title}\n" in page
        for fact in (f"`{layout.key}`", layout.source, layout.licence, layout.note):
            assert fact in page
    assert "| train | `our485/low + our485/high` | 485 |" in page
    assert "generated: data sets" in (ROOT / "docs/reference/datasets.md").read_text(encoding="utf-8")


def test_panels_come_in_the_terminals_order(site: ModuleType) -> None:
    from darklift.cli import app

    commands = typer.main.get_command(app).commands
    made = "\n".join(site.command_reference())
    for name, page in re.findall(r"^## darklift (\w+)\n(.*?)(?=^## |\Z)", made, re.MULTILINE | re.DOTALL):
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "120"}).output
        panels = [panel for panel in re.findall(r"^╭─ ([\w ]+?) ─+╮$", shown, re.MULTILINE) if panel != "Commands"]
        if commands[name].params:  # a group may have none but --help, which is not told of
            assert re.findall(r"^\*\*(.+)\*\*$", page, re.MULTILINE) == panels, name


KEYED = [
    line.split()[3].strip() for line in RECIPES.read_text(encoding="utf-8").splitlines() if "generated: keys" in line
]


@pytest.mark.parametrize("name", KEYED)
def test_every_key_of_a_recipe_is_explained(site: ModuleType, name: str) -> None:
    unexplained = [row for row in site.key_table(name)[2:] if not row.split(" | ")[-1].removesuffix("|").strip()]
    assert unexplained == []


def test_every_public_name_is_looked_up_once(site: ModuleType) -> None:
    blocks = [line.removeprefix("::: darklift.") for line in site.api_reference() if line.startswith(":::")]
    assert sorted(blocks) == sorted(name for name in darklift.__all__ if not name.startswith("__"))


def test_keys_come_with_bounds_defaults_and_texts(site: ModuleType) -> None:
    rows = {line.split("`")[1]: line for line in site.key_table("darklift.train.config.TrainConfig")[2:]}
    assert rows["steps"].startswith("| `steps` | whole number above 0 | required | Steps ")
    assert "| whole number from 0 | `0` |" in rows["decay"]
    assert "along a cosine" in rows["decay"]
    assert "auto, no, bf16, fp16" in rows["precision"]


def test_a_class_without_keys_is_a_mistake(site: ModuleType) -> None:
    with pytest.raises(ValueError, match="ImageError"):
        site.key_table("darklift.errors.ImageError")


def test_equations_become_mathml(site: ModuleType) -> None:
    text = "with $x_t$ and\n\n$$\\frac{a}{b}$$\n"
    html = markdown.markdown(text, extensions=["pymdownx.arithmatex", site.Site()], extension_configs=GENERIC)
    assert "<msub><mi>x</mi><mi>t</mi></msub>" in html
    assert "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>" in html
    assert "$" not in html
    assert "\\" not in html


GENERIC = {"pymdownx.arithmatex": {"generic": True}}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("see :class:`~darklift.Window`", "see <code>Window</code>"),
        ("see :meth:`run`", "see <code>run</code>"),
        ("as follows::", "as follows:"),
        (":::", ":::"),
    ],
)
def test_sphinx_is_understood(site: ModuleType, written: str, shown: str) -> None:
    assert markdown.markdown(written, extensions=[site.Site()]) == f"<p>{shown}</p>"


def test_every_address_choice_and_problem_of_the_server_is_told_of(site: ModuleType) -> None:
    pytest.importorskip("starlette", reason="the extra web is not installed")
    from darklift.web.fields import FIELDS
    from darklift.web.openapi import description
    from darklift.web.problems import PROBLEMS

    page = "\n".join(site.http_reference())
    assert "| POST | `/api/v1/enhance` | Enhance a photo | 200, 400, " in page
    for address in description(["compact"])["paths"]:
        assert f" | `{address}` | " in page
    for name in FIELDS:
        assert f"\n| `{name}` | " in page
    for kind, (status, _) in PROBLEMS.items():
        assert f"| {status} | `{kind}` | " in page
