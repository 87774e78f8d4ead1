"""Which short number formats this processor computes in, rather than takes apart into others.

Formats that are only emulated make a network slower, or, int8 on x86 without VNNI, wrong: sums of two products overflow
there. Intel's and AMD's instructions: AVX512_VNNI and AVX_VNNI (int8), AVX512_BF16 (all processors with AMX have it),
AVX512_FP16. Arm's: dot products (int8), BF16, half precision.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

from darklift.errors import UsageError

__all__ = ["native_formats", "processor_name", "require_native"]

_INSTRUCTIONS = {
    "int8": {"avx512_vnni", "avx_vnni", "asimddp", "feat_dotprod", "avx512_clx", "avx512_icl", "avx512_spr"},
    "bf16": {"avx512_bf16", "bf16", "feat_bf16", "avx512_spr"},
    "fp16": {"avx512_fp16", "asimdhp", "feat_fp16", "avx512_spr"},
}
"""Any one of these will do, as Linux (x86, Arm), macOS (Arm) and, by generations, numpy call
them.
"""
_CPUINFO = Path("/proc/cpuinfo")


@cache
def native_formats() -> frozenset[str]:
    """Those of int8, bf16 and fp16 that are native here; none where the system does not tell."""
    known = _instructions()
    return frozenset(name for name, instructions in _INSTRUCTIONS.items() if instructions & known)


@cache
def processor_name() -> str:
    """As its maker calls it, where the system tells; else the kind."""
    if sys.platform == "darwin":
        return _ask_sysctl("-n", "machdep.cpu.brand_string").strip() or platform.machine()
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def require_native(precision: str) -> None:
    """Raises UsageError for a format that this processor only emulates. fp32 and auto are always right."""
    if precision in _INSTRUCTIONS and precision not in native_formats():
        raise UsageError(
            f"precision {precision} is not what this processor ({processor_name()}) computes in, so it would be slower "
            "than fp32, or wrong: choose auto or fp32"
        )


def _instructions() -> set[str]:
    if sys.platform == "darwin":
        lines = (line.split(":") for line in _ask_sysctl("hw.optional.arm").splitlines())
        return {name.rpartition(".")[2].lower() for name, value in lines if value.strip() == "1"}
    told = _cpuinfo("flags") or _cpuinfo("Features")
    if told:
        return set(told.lower().split())
    found: list[str] = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return {name.lower() for name in found}


def _cpuinfo(field: str) -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next(
        (value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == field), ""
    )


def _ask_sysctl(*what: str) -> str:
    try:
        return subprocess.run(["/usr/sbin/sysctl", *what], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
