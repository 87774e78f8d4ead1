"""Many clients at once: python benchmarks/web/load.py [--clients 50] [--seconds 60] [--queue 64] [--model nano]

Starts ``darklift web`` on a free port of this machine, and stops it in the end. Each client has an address of its own
(127.0.1.2, 127.0.1.3, …: all of them are this machine, on Linux), and sends photos of 128x96 one after the other, the
first of them eight at a time; where it is refused it waits as long as it was told, at most a second. A fifth as many
more misbehave meanwhile: they hang up in the middle of an upload or while their photo is computed, send what is no
picture, heads that are too long, and headers that promise more than comes.

Told are the answers by status, the time that they took, how even the clients were served, and the memory of the server
(PSS where the system tells it, else RSS) over time. Exit code 1 where a well-behaved client got anything but its
picture or a refusal with Retry-After, where two pictures of one photo differ, where anything is still held or running
afterwards, or where the server does not answer, or end, as it should.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx2
import numpy as np
import psutil
from PIL import Image

MOST_CLIENTS, MOST_SECONDS = 200, 600
PATIENCE = 120.0
"""Seconds after which an answer counts as missing."""
GREEDY = 8
"""Photos at a time, of one client."""
LOOKS = 12
"""At the memory."""
ENHANCE = "/api/v1/enhance"


@dataclass
class Tally:
    """What became of everything."""

    statuses: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    results: set[bytes] = field(default_factory=set)
    abuse: Counter[str] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)


def photo() -> bytes:
    codes = np.random.default_rng(0).integers(0, 40, (96, 128, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(codes).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def memory_of(process: psutil.Process) -> int:
    """Bytes."""
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))


async def client(address: str, base: str, data: bytes, until: float, tally: Tally) -> None:
    """One that behaves."""
    transport = httpx2.AsyncHTTPTransport(local_address=address)
    async with httpx2.AsyncClient(transport=transport, base_url=base, timeout=PATIENCE) as http:
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                answer = await http.post(ENHANCE, content=data)
            except httpx2.HTTPError as error:
                tally.wrong.append(f"{type(error).__name__}: {error}")
                continue
            tally.statuses[str(answer.status_code)] += 1
            if answer.status_code == 200:
                tally.served[address] += time.monotonic() < until  # what came in time; the rest is not fair to few
                tally.seconds.append(time.monotonic() - began)
                tally.results.add(answer.content)
            elif answer.status_code in (429, 503) and "Retry-After" in answer.headers:
                await asyncio.sleep(min(1.0, float(answer.headers["Retry-After"])))
            else:
                tally.wrong.append(f"{answer.status_code}: {answer.text[:100]}")


async def misbehave(address: str, port: int, data: bytes, until: float, tally: Tally) -> None:
    """One that does not."""
    head = f"POST {ENHANCE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
    ways = {
        "hangs up in an upload": ((head % 2_000_000).encode() + data, 0.0),
        "hangs up while it is computed": ((head % len(data)).encode() + data, 0.05),
        "no picture": ((head % 9000).encode() + b"no picture" * 900, 5.0),
        "too long a head": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"b" * 60_000 + b"\r\n\r\n", 5.0),
        "no HTTP": (b"\0\1\2\3\r\n\r\n", 5.0),
        "a promise": ((head % 10**15).encode() + data, 5.0),
    }
    while time.monotonic() < until:
        for name, (sent, patience) in ways.items():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
                writer.write(sent)
                await writer.drain()
                status = "-"
                if patience:
                    try:
                        first = await asyncio.wait_for(reader.readline(), patience)
                        status = first.split()[1].decode() if first else "-"
                    except TimeoutError:
                        status = "-"
                tally.abuse[f"{name}: {status}"] += 1
                writer.transport.abort()
            except OSError as error:
                tally.abuse[f"{name}: {type(error).__name__}"] += 1
            await asyncio.sleep(0.05)


def addresses_of(clients: int) -> list[str]:
    return [f"127.0.{1 + number // 200}.{2 + number % 200}" for number in range(clients)]


async def look(process: psutil.Process, seconds: float, tally: Tally) -> None:
    for _ in range(LOOKS):
        await asyncio.sleep(seconds / LOOKS)
        tally.memory.append(memory_of(process))


async def load(port: int, clients: int, seconds: float, process: psutil.Process) -> Tally:
    tally, data = Tally(), photo()
    until = time.monotonic() + seconds
    base = f"http://127.0.0.1:{port}"
    addresses = addresses_of(clients + max(1, clients // 5))
    tasks = [client(address, base, data, until, tally) for address in addresses[:1] * GREEDY + addresses[1:clients]]
    tasks += [misbehave(address, port, data, until, tally) for address in addresses[clients:]]
    await asyncio.gather(look(process, seconds, tally), *tasks)
    return tally


def settled(http: httpx2.Client) -> bool:
    """Whether nothing runs, waits or is held any more, within ten seconds."""
    names = ("darklift_running", "darklift_waiting", "darklift_held_bytes")
    for _ in range(100):
        lines = http.get("/metrics").text.splitlines()
        if not any(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(names)):
            return True
        time.sleep(0.1)
    return False


def told(tally: Tally, clients: int, seconds: float) -> list[str]:
    greedy = tally.served["127.0.1.2"]
    served = sorted(tally.served[address] for address in addresses_of(clients)[1:]) or [0]
    times = sorted(tally.seconds) or [0.0]
    megabytes = [f"{used / 1e6:.0f}" for used in tally.memory]
    rows = {
        "pictures": f"{len(tally.seconds)} ({len(tally.seconds) / seconds:.1f} a second)",
        "of one client": f"{served[0]}–{served[-1]}",
        f"of the one that sends {GREEDY} at a time": str(greedy),
        "seconds to a picture": f"{statistics.median(times):.2f} (95%: {times[int(0.95 * (len(times) - 1))]:.2f})",
        "answers": ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items())),
        "anything else": str(len(tally.wrong)),
        "memory, MB": " ".join(megabytes),
        "misbehaviour": ", ".join(f"{name} ({count})" for name, count in sorted(tally.abuse.items())),
    }
    return [f"| {name} | {value} |" for name, value in rows.items()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--model", default="nano")
    chosen = parser.parse_args()
    if not (1 <= chosen.clients <= MOST_CLIENTS and 1 <= chosen.seconds <= MOST_SECONDS):
        parser.error(f"at most {MOST_CLIENTS} clients and {MOST_SECONDS} seconds")
    command = [sys.executable, "-m", "darklift", "web", "--port", "0", "--model", chosen.model]
    with subprocess.Popen([*command, "--queue", str(chosen.queue)], stderr=subprocess.PIPE, text=True) as server:
        try:
            return measure(server, chosen.clients, chosen.seconds)
        finally:
            server.kill()


def measure(server: subprocess.Popen[str], clients: int, seconds: float) -> int:
    assert server.stderr is not None
    found = re.search(r":(\d+)/", first := server.stderr.readline())
    if not found:
        print(first, server.stderr.read(), file=sys.stderr)
        return 1
    threading.Thread(target=server.stderr.read, daemon=True).start()  # or the pipe fills up
    port, process = int(found[1]), psutil.Process(server.pid)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http:
        first_picture = http.post(ENHANCE, content=photo()).content
        before = memory_of(process)
        tally = asyncio.run(load(port, clients, seconds, process))
        quiet = settled(http)
        after = http.post(ENHANCE, content=photo())
    print("| | |\n|---|---|")
    print("\n".join([f"| memory before, MB | {before / 1e6:.0f} |", *told(tally, clients, seconds)]))
    server.send_signal(signal.SIGTERM)
    code = server.wait(PATIENCE)
    same = tally.results | {after.content} == {first_picture}
    for problem in tally.wrong[:10]:
        print(problem, file=sys.stderr)
    print(f"afterwards: alive {after.status_code == 200}, nothing held {quiet}, same pictures {same}, exit code {code}")
    return int(bool(tally.wrong) or after.status_code != 200 or not quiet or not same or code != 0)


if __name__ == "__main__":
    sys.exit(main())
