"""The container without a container runtime: python tools/container.py [--base FOLDER] [--work FOLDER] [--lend PATH]

Without ``--base``, deploy/Containerfile is only read: each instruction known, what is copied there, a user without
rights, a health check, nothing fetched at run time. With it (as root, on Linux), its steps are done one by one: the
folder, made by ``debootstrap --variant=minbase bookworm FOLDER``, stands for debian:bookworm-slim, ``RUN`` runs in a
chroot of a copy, ``COPY`` copies. Then the last stage is measured, and started as an image would be: as its user, its
root read-only, with no network but its own, 127.0.0.1; its health check is asked, a photo is enhanced, SIGTERM ends it.

--lend: files and folders of this machine that RUN may read, such as /etc/pip.conf; they are not in the image.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
PHOTO = ROOT / "examples" / "night.jpg"
MOST_MEGABYTES = 400
PATIENCE = 120.0
KNOWN = ("FROM", "RUN", "COPY", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT")
UNSEEN = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt", "var/lib/apt/lists")
"""What debian:bookworm-slim leaves out of a base that debootstrap makes."""


@dataclass
class Stage:
    """One FROM and what follows."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        """What the last instruction of this kind says; "" where there is none."""
        return next((rest for known, rest in reversed(self.steps) if known == word), "")

    def environment(self, before: int | None = None) -> dict[str, str]:
        """What its ENV sets, in all or before a step."""
        said = (rest for word, rest in self.steps[:before] if word == "ENV")
        pairs = (pair.split("=", 1) for rest in said for pair in shlex.split(rest))
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", **dict(pairs)}

    def user(self) -> tuple[int, int]:
        user, _, group = (self.last("USER") or "0:0").partition(":")
        return int(user), int(group or user)

    def command(self, word: str) -> list[str]:
        """Of ENTRYPOINT or HEALTHCHECK, in their JSON form."""
        return list(json.loads(self.last(word)[self.last(word).index("[") :]))


def stages(text: str) -> list[Stage]:
    """Raises ValueError for what this tool does not know."""
    found: list[Stage] = []
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word not in KNOWN:
            raise ValueError(f"{word} is not known: expected one of {', '.join(KNOWN)}")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base.strip(), name.strip()))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


def problems(made: list[Stage], context: Path) -> Iterator[str]:
    """What speaks against it, as far as reading tells."""
    last, names = made[-1], {stage.name for stage in made}
    ignored = (context / ".dockerignore").read_text().split()
    for stage in made:
        for source, origin in ((s, o) for word, rest in stage.steps if word == "COPY" for s, o in copied(rest)[0]):
            if origin and origin not in names:
                yield f"COPY --from={origin}: there is no such stage"
            if not origin and (not (context / source).exists() or f"!{source}" not in ignored):
                yield f"COPY {source}: it is not there, or .dockerignore leaves it out"
    if last.user()[0] == 0:
        yield "it runs as root: set USER"
    for word in ("HEALTHCHECK", "ENTRYPOINT"):
        if not last.last(word):
            yield f"there is no {word}"
    if any("pip install" in rest or "curl" in rest for word, rest in last.steps if word == "RUN"):
        yield "the last stage fetches more than Debian's packages: do that in an earlier one"
    if "rm -rf /var/lib/apt/lists" not in last.last("RUN"):
        yield "the last stage keeps apt's lists"


def copied(rest: str) -> tuple[list[tuple[str, str]], str]:
    """Each source with the stage that it is from ("" for the context), and the target."""
    words = rest.split()
    origin = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
    return [(source, origin) for source in words[:-1]], words[-1]


# ---------------------------------------------------------------------------------------------------------- building


def build(made: list[Stage], base: Path, work: Path, lent: list[Path]) -> Path:
    """The root of the last stage."""
    roots: dict[str, Path] = {}
    for number, stage in enumerate(made):
        root = work / f"stage{number}"
        subprocess.run(["cp", "-a", base, root], check=True)
        for folder in UNSEEN:
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir(parents=True, exist_ok=True)
        roots[stage.name] = root
        for at, (word, rest) in enumerate(stage.steps):
            print(f"stage {number}: {word} {rest[:90]}", flush=True)
            if word == "COPY":
                copy(rest, root, roots)
            elif word == "RUN":
                run(rest, root, stage.environment(at), lent)
    return root


def copy(rest: str, root: Path, roots: dict[str, Path]) -> None:
    sources, target = copied(rest)
    for source, origin in sources:
        start = roots[origin] / source.lstrip("/") if origin else ROOT / source
        end = root / target.lstrip("/") / (start.name if target.endswith("/") else "")
        end.parent.mkdir(parents=True, exist_ok=True)
        leave = ["--exclude=__pycache__"] if not origin else []
        if start.is_dir():
            end.mkdir(exist_ok=True)
            packed = subprocess.run(
                ["tar", "-C", start, *leave, "-cf", "-", "."], check=True, capture_output=True
            ).stdout
            subprocess.run(["tar", "-C", end, "-xf", "-"], check=True, input=packed)
        else:
            shutil.copy2(start, end)


def run(command: str, root: Path, environment: dict[str, str], lent: list[Path]) -> None:
    """In a chroot with its own mounts, which end with it."""
    script = ["set -e", f"mount --bind /proc {root}/proc", f"mount --rbind /dev {root}/dev"]
    for path in lent:
        place = root / str(path).lstrip("/")
        script.append(f"mkdir -p {place}" if path.is_dir() else f"mkdir -p {place.parent}; touch -a {place}")
        script += [f"mount --bind {path} {place}", f"mount -o remount,bind,ro {place}"]
    script.append(f"exec chroot {root} /bin/sh -c {shlex.quote(command)}")
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = {**environment, **kept, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["unshare", "--mount", "/bin/sh", "-c", "\n".join(script)], check=True, env=environment)


def megabytes(root: Path) -> float:
    listed = subprocess.run(["du", "-sx", "--block-size=1", root], check=True, capture_output=True, text=True).stdout
    return int(listed.split()[0]) / 1e6


# ----------------------------------------------------------------------------------------------------------- running


def inside(root: Path) -> int:
    """In a network and mounts of its own: start it, ask it, stop it."""
    stage = stages(CONTAINERFILE.read_text())[-1]
    _raise_loopback()
    for command in (
        ["mount", "--bind", root, root],
        ["mount", "-o", "remount,bind,ro", root],
        ["mount", "--bind", "/proc", root / "proc"],
        ["mount", "--rbind", "/dev", root / "dev"],
    ):
        subprocess.run(command, check=True)

    def become() -> None:
        user, group = stage.user()
        os.chroot(root)
        os.chdir("/")
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)

    def start(command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["/usr/bin/env", *command], env=stage.environment(), preexec_fn=become)

    written = start(["python3", "-c", "open('/tmp/x', 'w')"]).wait()
    with start(stage.command("ENTRYPOINT")) as server:
        began, healthy = time.monotonic(), 1
        while healthy and time.monotonic() - began < PATIENCE and server.poll() is None:
            healthy = start(stage.command("HEALTHCHECK")).wait()
        seconds = time.monotonic() - began
        asked = urllib.request.Request("http://127.0.0.1:8000/api/v1/enhance", PHOTO.read_bytes())
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            length = len(answer.read())
        try:
            urllib.request.urlopen("http://192.0.2.1/", timeout=5)
            reached = True
        except urllib.error.URLError:
            reached = False
        server.send_signal(signal.SIGTERM)
        code = server.wait(PATIENCE)
    print(f"read-only {written != 0}, healthy after {seconds:.1f} s, a photo of {length} bytes", end=", ")
    print(f"network {reached}, exit code {code}")
    return int(not (written and not healthy and length and not reached and code == 0))


def _raise_loopback() -> None:
    """SIOCSIFFLAGS: IFF_UP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, 0x8914, struct.pack("16sH14x", b"lo", 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path)
    parser.add_argument("--work", type=Path, default=Path("container"))
    parser.add_argument("--lend", type=Path, action="append", default=[Path("/etc/resolv.conf")])
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside is not None:
        return inside(chosen.inside)
    made = stages(CONTAINERFILE.read_text())
    found = list(problems(made, ROOT))
    print("\n".join(found) or f"{CONTAINERFILE.name}: nothing speaks against it")
    if found or chosen.base is None:
        return int(bool(found))
    work = chosen.work.resolve()
    work.mkdir(parents=True)
    root = build(made, chosen.base.resolve(), work, chosen.lend)
    size, below = megabytes(root), megabytes(root / "opt")
    print(f"the image has {size:.0f} MB, of which /opt/darklift {below:.0f} (at most {MOST_MEGABYTES})")
    asked = ["unshare", "--mount", "--net", sys.executable, __file__, "--inside", str(root)]
    return subprocess.run(asked, check=False).returncode or int(size > MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
