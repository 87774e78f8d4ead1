"""The container's file, as far as reading tells; built step by step it is by tools/container.py --base, as root."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tool is for Unix")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("container", ROOT / "tools" / "container.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["container"] = module  # where its dataclass looks for its annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def text(tool: ModuleType) -> str:
    return str(tool.CONTAINERFILE.read_text())


def test_nothing_speaks_against_the_container(tool: ModuleType, text: str) -> None:
    assert list(tool.problems(tool.stages(text), ROOT)) == []
    last = tool.stages(text)[-1]
    assert last.user() == (10001, 10001)
    assert last.command("ENTRYPOINT")[:2] == ["darklift", "web"]
    assert last.environment()["PATH"].startswith("/opt/darklift/bin:")


@pytest.mark.parametrize(
    ("changed", "by", "said"),
    [
        ("USER 10001:10001", "", "it runs as root"),
        ("HEALTHCHECK", "EXPOSE", "there is no HEALTHCHECK"),
        ("COPY src ", "COPY sources ", "COPY sources: it is not there"),
        ("COPY src ", "COPY tests ", "COPY tests: it is not there, or .dockerignore leaves it out"),
        ("--from=build", "--from=elsewhere", "there is no such stage"),
        ("rm -rf /var/lib/apt/lists", "true", "keeps apt's lists"),
        ("USER", "RUN pip install more\nUSER", "fetches more than Debian's packages"),
    ],
)
def test_what_speaks_against_one_is_found(tool: ModuleType, text: str, changed: str, by: str, said: str) -> None:
    assert changed in text
    assert any(said in problem for problem in tool.problems(tool.stages(text.replace(changed, by)), ROOT))


def test_an_unknown_instruction_is_refused(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="ADD is not known"):
        tool.stages("FROM a AS b\nADD https://example.org/ /")


def test_the_health_check_is_one(tool: ModuleType, text: str) -> None:
    """It fails where nobody answers, and says nothing of it but that."""
    check = tool.stages(text)[-1].command("HEALTHCHECK")
    assert check[0] == "python3"
    code = check[2].replace(":8000/", ":9/")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60).returncode == 1


def test_the_compose_file_holds_what_the_guide_says() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    darklift = services["darklift"]
    assert darklift["read_only"]
    assert darklift["cap_drop"] == ["ALL"]
    assert "ports" not in darklift  # only the proxy is reached
    options = [word for word in darklift["command"] if word.startswith("--")]
    import typer

    from darklift.cli import app  # what is typed there exists

    known = {name for parameter in typer.main.get_command(app).commands["web"].params for name in parameter.opts}
    assert set(options) <= known
    sizes = re.findall(r"max_size (\w+)", (ROOT / "deploy" / "Caddyfile").read_text())
    assert sizes == ["200MB"]
