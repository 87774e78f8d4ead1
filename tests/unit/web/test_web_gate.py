"""Who may use the server: hosts, origins, tokens; and what every answer carries."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request

from darklift.errors import UsageError
from darklift.web.gate import CONTENT_SECURITY_POLICY
from darklift.web.policy import Policy
from darklift.web.service import client_of
from darklift.web.static import Site
from web_service import API, Serving, dark_photo, serving

PHOTOS = "https://photos.example"


@pytest.fixture
def web() -> Iterator[Serving]:
    with serving() as made:
        yield made


@pytest.fixture
def strict() -> Iterator[Serving]:
    with serving(Policy.of([PHOTOS], "0.0.0.0", "secret")) as made:
        yield made


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("[::1]:8000", 200),
        ("192.168.1.5", 200),  # no name, so nobody can have pointed it here
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
        ("localhost@evil.example", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_only_known_hosts_are_answered(web: Serving, host: str, status: int) -> None:
    assert web.http.get(f"{API}/models", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("https://127.0.0.1:8000", 200),  # behind a proxy that speaks TLS
        ("http://127.0.0.1:9000", 403),
        ("http://localhost:8000", 403),
        ("http://evil.example", 403),
        (PHOTOS, 403),
        ("null", 403),
        ("file://", 403),
        ("http://", 403),
        ("http://127.0.0.1:8000/path", 403),
        ("http://127.0.0.1:99999999", 403),
    ],
)
def test_pages_of_other_origins_are_refused(web: Serving, origin: str, status: int) -> None:
    for method, address in (("GET", f"{API}/models"), ("POST", f"{API}/enhance")):
        answer = web.http.request(
            method, address, content=dark_photo() if method == "POST" else None, headers={"Origin": origin}
        )
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers


def test_a_picture_in_another_site_s_page_is_refused(web: Serving) -> None:
    """No Origin comes with it."""
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert web.http.get(f"{API}/models", headers=cross).status_code == 403
    assert web.http.get("/metrics", headers=cross).status_code == 403
    assert web.http.get("/nothing", headers=cross).status_code == 404  # a link to the page may be followed


def test_an_allowed_origin_may_ask(strict: Serving) -> None:
    asked = {
        "Origin": PHOTOS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = strict.http.options(f"{API}/enhance", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == PHOTOS
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = strict.http.post(
        f"{API}/enhance", content=dark_photo(), headers={"Origin": PHOTOS, "Authorization": "Bearer secret"}
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PHOTOS
    assert answer.headers["vary"] == "Origin"
    assert "X-Darklift-Seconds" in answer.headers["access-control-expose-headers"]
    assert strict.http.get(f"{API}/health/live", headers={"Host": "photos.example"}).status_code == 200
    assert strict.http.options(f"{API}/enhance", headers={**asked, "Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "given", [None, "secret", "Bearer", "Bearer wrong", "Bearer secret2", "Basic secret", "Bearer é"]
)
def test_without_the_token_nothing_is_done(strict: Serving, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    for address in (f"{API}/models", f"{API}/photos/x", f"{API}/jobs/x/events", "/metrics"):
        answer = strict.http.get(address, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "secret" not in answer.text
    assert strict.http.post(f"{API}/enhance", content=dark_photo(), headers=headers).status_code == 401


def test_health_and_description_need_no_token(strict: Serving) -> None:
    for address in (f"{API}/health/live", f"{API}/health/ready", "/openapi.json"):
        assert strict.http.get(address).status_code == 200
    assert strict.http.get(f"{API}/models", headers={"Authorization": "bearer secret"}).status_code == 200


@pytest.mark.parametrize("wrong", ["photos.example", "https://photos.example/", "ftp://a", "https://", "null", "*"])
def test_what_is_no_origin_cannot_be_allowed(wrong: str) -> None:
    with pytest.raises(UsageError, match="--allow-origin"):
        Policy.of([wrong], "127.0.0.1", None)


def test_every_answer_is_isolated(web: Serving) -> None:
    for address in (f"{API}/models", "/openapi.json", "/nothing"):
        headers = web.http.get(address).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["x-content-type-options"] == "nosniff"
    assert "'unsafe-inline'" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


def test_the_log_tells_no_names_and_no_choices(web: Serving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "darklift.web")
    files = {"photo": ("private.png", dark_photo())}
    photo = web.http.post(f"{API}/photos?exposure=%2B1", files=files).json()["id"]
    web.http.get(f"{API}/photos/{photo}/preview?strength=0.25")
    web.http.get("/some%0Awhere/else?token=abc")
    lines = [record.getMessage() for record in caplog.records if record.name == "darklift.web.gate"]
    assert [line.split()[1:4] for line in lines] == [
        ["POST", f"{API}/photos", "201"],
        ["GET", f"{API}/photos/{{id}}/preview", "200"],
        ["GET", "other", "404"],
    ]
    for secret in ("private", photo, "exposure", "0.25", "where", "abc"):
        assert secret not in "".join(lines)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("not to be had")
    (folder / "index.html").write_text('<meta name="darklift-studio" content="browser">')
    (folder / "assets" / "main.js").write_text("export {}")
    (folder / "apple-touch-icon.png").write_bytes(b"\x89PNG")
    (folder / "ort.wasm").write_bytes(b"\0asm")
    return Site(folder)


def test_the_page_s_files_are_served(site: Site) -> None:
    with serving(site=site) as web:
        page = web.http.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.text == '<meta name="darklift-studio" content="server">'
        again = web.http.get("/index.html", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        script = web.http.get("/assets/main.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert web.http.get("/ort.wasm").headers["content-type"] == "application/wasm"
        head = web.http.head("/ort.wasm")
        assert (head.headers["content-length"], head.content) == ("4", b"")
        assert web.http.post("/").status_code == 405


def test_browsers_ask_whether_a_file_has_changed(site: Site) -> None:
    """No name has a fingerprint in it, so that another version's files have the same ones."""
    with serving(site=site) as web:
        for path in ("/", "/assets/main.js", "/apple-touch-icon.png"):
            assert web.http.get(path).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["/../outside.txt", "/%2e%2e/outside.txt", "/assets/..%2f..%2foutside.txt", "//etc/passwd", "/assets", "/%00"],
)
def test_nothing_outside_the_page_s_folder_is_served(site: Site, path: str) -> None:
    with serving(site=site) as web:
        answer = web.http.get(path)
        assert answer.status_code == 404
        assert json.loads(answer.text)["status"] == 404


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("somebody", "somebody"),
    ],
)
def test_a_household_is_one_client(address: str, client: str) -> None:
    assert client_of(Request({"type": "http", "client": (address, 1), "headers": []})) == client
