"""What a processor computes in, as the systems tell it, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from darklift.errors import UsageError
from darklift.runtime import processor
from darklift.runtime.processor import native_formats, processor_name, require_native

ICE_LAKE = "processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\nflags\t\t: avx2 avx512f avx512_vnni\n\nprocessor\t: 1\n"
ZEN_4 = "model name\t: AMD EPYC\nflags\t\t: avx2 avx512_vnni avx512_bf16\n"
HASWELL = "model name\t: Intel(R) Core(TM)\nflags\t\t: avx2 fma\n"
ALDER_LAKE = "model name\t: 12th Gen\nflags\t\t: avx2 avx_vnni\n"
NEOVERSE_V1 = "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp i8mm bf16\n"
CORTEX_A72 = "processor\t: 0\nFeatures\t: fp asimd\n"
M1 = "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_FP16: 1\nhw.optional.arm.FEAT_BF16: 0\n"


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    for cached in (native_formats, processor_name):
        cached.cache_clear()
    yield
    for cached in (native_formats, processor_name):
        cached.cache_clear()


def tells(monkeypatch: pytest.MonkeyPatch, folder: Path, cpuinfo: str) -> None:
    (folder / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(processor, "_CPUINFO", folder / "cpuinfo")


@pytest.mark.parametrize(
    ("cpuinfo", "formats"),
    [
        (ICE_LAKE, {"int8"}),
        (ZEN_4, {"int8", "bf16"}),
        (HASWELL, set()),
        (ALDER_LAKE, {"int8"}),
        (NEOVERSE_V1, {"int8", "bf16", "fp16"}),
        (CORTEX_A72, set()),
    ],
)
def test_linux_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpuinfo: str, formats: set[str]) -> None:
    tells(monkeypatch, tmp_path, cpuinfo)
    assert native_formats() == formats


def test_macos_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(processor, "_ask_sysctl", lambda *what: "Apple M1\n" if "-n" in what else M1)
    assert native_formats() == {"int8", "fp16"}
    assert processor_name() == "Apple M1"


def test_elsewhere_numpy_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    for found, formats in ((["AVX2", "AVX512_ICL"], {"int8"}), (["X86_V4", "AVX512_SPR"], {"int8", "bf16", "fp16"})):
        native_formats.cache_clear()
        monkeypatch.setattr("numpy.show_config", lambda mode, found=found: {"SIMD Extensions": {"found": found}})
        assert native_formats() == formats
    assert processor_name()


def test_what_is_only_emulated_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tells(monkeypatch, tmp_path, ICE_LAKE)
    for right in ("auto", "fp32", "int8"):
        require_native(right)
    with pytest.raises(UsageError, match=r"bf16 .*\(Intel\(R\) Xeon\(R\)\).*choose auto or fp32") as caught:
        require_native("bf16")
    assert "\n" not in str(caught.value)
