"""The page's own studio in a real browser: what it opens and gives back, on any host, from disk, and cut off."""

from __future__ import annotations

import base64
import functools
import io
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from browsers import Heard, chromium, needs_chromium, needs_modules, serving
from darklift import Enhancer, Picture
from darklift.image import decode_image, encode_image
from darklift.image.arrays import assemble
from darklift.web.export import export_site
from profiles import P3, gamma, make_profile
from web_engine import WEB
from web_pictures import picture_of

pytestmark = [needs_chromium, needs_modules]

EXIF_TEXT = "A night in May"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported page whose program does what tests ask."""
    folder = export_site(tmp_path_factory.mktemp("site") / "page", ["nano", "compact"])
    esbuild = WEB / "node_modules/.bin/esbuild"
    command = [str(esbuild), "tests/studio_page.ts", "--bundle", "--format=iife", f"--outfile={folder}/main.js"]
    subprocess.run([*command, "--log-level=warning"], cwd=WEB, check=True)
    (folder / "index.html").write_text('<!doctype html><title>-</title><script defer src="main.js"></script>')
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page(site: Path, browser: Any) -> Iterator[Any]:
    """A page that has started, and asked no host but its own."""
    with serving(site) as address:
        shown, heard = browser.new_page(), Heard()
        heard.listen(shown)
        shown.goto(address)
        facts = ask(shown, "start")
        assert facts["computes"].startswith("WebAssembly")
        yield shown
        assert heard.hosts == {address.removeprefix("http://").strip("/")}
        shown.close()


def ask(page: Any, call: str, *values: Any) -> Any:
    return page.evaluate("asked => ask(...asked)", [call, *values])


def enhanced(page: Any, name: str, data: bytes, **choices: Any) -> tuple[dict[str, Any], bytes]:
    opened = ask(page, "open", name, base64.b64encode(data).decode())
    assert "failed" not in opened, opened
    made = ask(page, "enhance", name, choices)
    assert "failed" not in made, made
    ask(page, "close", name)
    return made | {"format": opened["format"]}, base64.b64decode(made["file"])


def by_python(data: bytes | Picture, **choices: Any) -> Picture:
    picture = data if isinstance(data, Picture) else decode_image(data)
    return Enhancer("nano", threads=1).run(picture, bits=8, **choices).picture


def codes(picture: Picture, alpha: bool = False) -> np.ndarray:
    return assemble(picture, np.uint8, gray=False, alpha=alpha).astype(int)


def dark(height: int = 90, width: int = 120) -> Image.Image:
    values = codes(picture_of("dark"))[:height, :width]
    return Image.fromarray(values.astype(np.uint8))


def coded(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    told = Image.Exif()
    told[0x0112], told[0x010E] = orientation, EXIF_TEXT
    told.get_ifd(0x8769)[0x9003] = "2026:05:04 23:10:00"
    return told


def test_a_jpeg_file_keeps_how_it_is_coded_and_what_it_tells(page: Any) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    packet += (
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    options = {"exif": exif(6), "comment": b"by hand", "xmp": packet, "dpi": (300, 200)}
    data = coded(dark(), "JPEG", quality=83, subsampling="4:4:4", **options)
    made, file = enhanced(page, "night.JPG", data)
    assert (made["name"], made["type"], made["notes"]) == ("night_enhanced.JPG", "image/jpeg", [])
    result, before = decode_image(file), decode_image(data)
    assert result.size == (120, 90)
    assert (result.source.quality, result.source.subsampling) == (83, "4:4:4")
    assert result.metadata.exif == before.metadata.exif
    assert result.metadata.comments == (b"by hand",)
    assert result.metadata.dpi == before.metadata.dpi
    assert b'tiff:Orientation="1"' in (result.metadata.xmp or b"")
    expected = decode_image(encode_image(by_python(data), "JPEG"))
    assert np.abs(codes(result) - codes(expected)).mean() < 1.5  # two coders of one picture


def test_a_video_behind_a_photo_is_left_out_and_that_is_said(page: Any) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:G="http://ns.google.com/photos/1.0/camera/" G:MotionPhoto="1"/>'
    )
    data = coded(dark(), "JPEG", xmp=packet) + b"\0\0\0\x18ftypmp42" + bytes(5000)
    made, file = enhanced(page, "a.jpg", data)
    assert made["notes"] == [{"key": "left_out", "values": {"what": "data behind the picture"}}]
    assert b'G:MotionPhoto="0"' in file
    assert len(file) < len(data)


@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2"])
def test_colour_keeps_the_room_that_it_had(page: Any, sampling: str) -> None:
    _, file = enhanced(page, "a.jpg", coded(dark(), "JPEG", quality=95, subsampling=sampling))
    assert decode_image(file).source.subsampling == {"4:2:0": "4:2:0", "4:2:2": "4:4:4"}[sampling]  # never less


def test_a_gray_jpeg_file_stays_gray(page: Any) -> None:
    _, file = enhanced(page, "a.jpeg", coded(dark().convert("L"), "JPEG"))
    assert decode_image(file).gray


def test_colours_of_a_wide_profile_become_srgb_and_that_is_said(page: Any) -> None:
    profile = make_profile(P3, gamma(2.2), name="Display P3")
    made, file = enhanced(page, "a.jpg", coded(dark(), "JPEG", quality=95, icc_profile=profile))
    assert made["notes"] == [{"key": "colours_converted", "values": {"profile": "Display P3"}}]
    assert decode_image(file).metadata.icc_profile is None


def test_a_png_file_has_the_very_pixels_of_the_command_line(page: Any) -> None:
    values = codes(picture_of("half_seen"), alpha=True).astype(np.uint8)
    values[:9, :9, 3] = 0
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "A cut-out")
    data = coded(Image.fromarray(values), "PNG", pnginfo=texts, dpi=(100, 100), exif=exif(3))
    made, file = enhanced(page, "cut out.png", data)
    assert (made["name"], made["notes"]) == ("cut out_enhanced.png", [])
    result, expected = decode_image(file), by_python(data)
    assert np.abs(codes(result, alpha=True) - codes(expected, alpha=True)).max() <= 1
    assert (codes(result, alpha=True) != codes(expected, alpha=True)).mean() < 2e-4
    assert result.metadata.exif == decode_image(data).metadata.exif
    assert (b"tEXt", b"Title\0A cut-out") in result.metadata.png_chunks


@pytest.mark.parametrize("kind", ["gray", "palette", "bilevel", "gray_alpha"])
def test_every_kind_of_png_file_is_read(page: Any, kind: str) -> None:
    image = dark()
    stored = {
        "gray": lambda: image.convert("L"),
        "palette": lambda: image.quantize(40),
        "bilevel": lambda: image.convert("L").point(lambda code: 255 * (code > 20)).convert("1"),
        "gray_alpha": lambda: Image.merge("LA", [image.convert("L"), Image.linear_gradient("L").resize(image.size)]),
    }[kind]()
    data = coded(stored, "PNG")
    made, file = enhanced(page, "a.png", data, exposure=1)
    assert made["notes"] == []
    result, expected = decode_image(file), by_python(data, exposure=1)
    assert result.gray == expected.gray
    assert np.abs(codes(result, alpha=True) - codes(expected, alpha=True)).max() <= 1


def test_sixteen_bits_become_eight_and_that_is_said(page: Any) -> None:
    deep = Image.fromarray(np.asarray(dark().convert("L")).astype(np.uint16) * 257)
    made, _ = enhanced(page, "a.png", coded(deep, "PNG"))
    assert made["notes"] == [{"key": "bits_reduced", "values": {"from": 16, "to": 8}}]


def test_a_webp_file_without_loss_stays_so_upright_as_the_command_line_has_it(page: Any) -> None:
    data = coded(dark(), "WEBP", lossless=True, exif=exif(6).tobytes())
    made, file = enhanced(page, "a.webp", data)
    assert made["type"] == "image/webp"
    result = decode_image(file)
    assert result.source.lossless
    assert result.metadata.exif == decode_image(data).metadata.exif
    assert np.abs(codes(result) - codes(by_python(data))).max() <= 1


@pytest.mark.parametrize("format", ["AVIF", "GIF", "BMP"])
def test_what_a_browser_cannot_write_becomes_png_and_that_is_said(page: Any, format: str) -> None:
    made, file = enhanced(page, f"a.{format.lower()}", coded(dark(), format))
    assert (made["name"], made["format"]) == ("a_enhanced.png", format)
    assert {"key": "written_as", "values": {"format": format, "instead": "PNG"}} in made["notes"]
    assert decode_image(file).source.container == "PNG"


@pytest.mark.parametrize("language", sorted(path.stem for path in (WEB / "src/page/texts").glob("*.json")))
def test_every_note_has_its_words(language: str) -> None:
    texts = json.loads((WEB / f"src/page/texts/{language}.json").read_text(encoding="utf-8"))
    keys = re.findall(r"^  (\w+): \[(.*)\],$", (WEB / "src/browser/notes.ts").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(keys) > 5
    for key, values in keys:
        assert set(re.findall(r"\{(\w+)\}", texts[f"note.{key}"])) == set(re.findall(r"\w+", values)), key


def test_of_several_frames_the_first_and_that_is_said(page: Any) -> None:
    data = coded(dark(), "GIF", save_all=True, append_images=[dark(70).resize((120, 90))])
    made, _ = enhanced(page, "a.gif", data)
    assert {"key": "first_frame", "values": {}} in made["notes"]


def test_a_photo_that_stays_as_it_is_stays_the_same_file(page: Any) -> None:
    data = coded(dark(), "JPEG", quality=70)
    made, file = enhanced(page, "a.jpg", data, strength=0)
    assert made["unchanged"]
    assert file == data


@pytest.mark.parametrize(
    ("data", "key"), [(b"This is no photo.", "unsupported"), (b"\xff\xd8\xff\xe0", "unreadable"), (b"", "unsupported")]
)
def test_what_is_no_photo_is_refused(page: Any, data: bytes, key: str) -> None:
    assert ask(page, "open", "a.jpg", base64.b64encode(data).decode())["failed"] == key


def test_a_file_that_is_cut_off_is_refused_or_opened_as_far_as_it_goes(page: Any) -> None:
    data = coded(dark(), "PNG")
    assert ask(page, "open", "a.png", base64.b64encode(data[: len(data) // 2]).decode())["failed"] == "unreadable"


def test_a_quick_look_and_the_map_of_doubt(page: Any) -> None:
    data = coded(dark(300, 400), "PNG")
    ask(page, "open", "big.png", base64.b64encode(data).decode())
    small, full = ask(page, "preview", "big.png", 200), ask(page, "enhance", "big.png")
    assert small["size"] == [200, 150]
    assert np.abs(np.subtract(small["means"], full["means"])).max() < 2
    drawn = ask(page, "uncertainty", "big.png", 160)
    assert drawn["size"] == [160, 120]
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn["png"])))).std() > 5
    phases = [told[2] for told in full["progress"]]
    assert phases[0] == "enhancing"
    assert phases[-1] == "saving"


def test_other_tones_of_the_same_photo_are_those_of_the_command_line(page: Any) -> None:
    data = coded(dark(), "PNG")
    ask(page, "open", "tones.png", base64.b64encode(data).decode())
    for choices in ({}, {"saturation": 60, "shadows": 40}, {"strength": 0.5}, {"exposure": 1}):
        made = ask(page, "enhance", "tones.png", choices)
        result = decode_image(base64.b64decode(made["file"]))
        assert np.abs(codes(result) - codes(by_python(data, **choices))).max() <= 1, choices


def test_giving_up_is_soon_and_the_next_call_works(page: Any) -> None:
    ask(page, "open", "slow.png", base64.b64encode(coded(dark(300, 400).resize((1000, 750)), "PNG")).decode())
    told = ask(page, "cancel", "slow.png", 300)
    assert told["failed"] == "AbortError"
    assert told["seconds"][0] < 1


def test_it_opens_from_disk(site: Path, browser: Any) -> None:
    shown = browser.new_page()
    shown.goto((site / "index.html").as_uri())
    assert ask(shown, "start")["computes"] == "WebAssembly"
    made, _ = enhanced(shown, "a.png", coded(dark(), "PNG"), model="compact")
    assert made["name"] == "a_enhanced.png"
    shown.close()


def test_a_second_visit_has_threads_on_any_host_and_needs_none(site: Path, browser: Any) -> None:
    context, headers = browser.new_context(), _plain(site)
    address = next(headers)
    shown = context.new_page()
    shown.goto(address)
    assert ask(shown, "start")["computes"] == "WebAssembly"
    shown.evaluate("navigator.serviceWorker.ready.then(() => true)")
    headers.close()  # the host is gone
    shown.reload()
    threads = shown.evaluate("navigator.hardwareConcurrency")
    assert shown.evaluate("crossOriginIsolated")
    assert ask(shown, "start")["computes"] == f"WebAssembly, {threads} threads"
    made, _ = enhanced(shown, "a.png", coded(dark(), "PNG"))
    assert made["size"] == [120, 90]
    context.close()


def _plain(folder: Path) -> Iterator[str]:
    """A host that sends no headers of its own."""
    handler: Callable[..., Any] = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""
