"""What the HTTP API answers where all goes well."""

import asyncio
import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from darklift import Enhancer, Settings, decode_image, encode_image
from darklift.image import held_bits
from web_service import API, STEPS, Serving, dark_photo, serving, slow_model


@pytest.fixture
def web() -> Iterator[Serving]:
    with serving() as made:
        yield made


def expected(data: bytes, format: str = "PNG", **changes: object) -> bytes:
    picture = decode_image(data)
    enhanced = Enhancer(slow_model()[0]).run(picture, Settings(**changes), bits=held_bits(picture, format))  # type: ignore[arg-type]
    return encode_image(enhanced.picture, format)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_photo_as_the_body_comes_back_enhanced(web: Serving) -> None:
    answer = web.http.post(f"{API}/enhance?strength=0.5", content=dark_photo())
    assert answer.status_code == 200
    assert answer.content == expected(dark_photo(), strength=0.5)
    assert answer.headers["content-type"] == "image/png"
    told = {name: answer.headers[f"x-darklift-{name}"] for name in ("model", "steps", "unchanged", "extension")}
    assert told == {"model": "gain", "steps": str(STEPS), "unchanged": "false", "extension": ".png"}
    assert json.loads(answer.headers["x-darklift-warnings"]) == []


def test_a_form_s_fields_are_choices_too(web: Serving) -> None:
    files = {"photo": ("../night.png", dark_photo(), "image/png")}
    answer = web.http.post(f"{API}/enhance?steps=2", files=files, data={"exposure": "+1", "format": "webp"})
    assert answer.status_code == 200
    assert answer.headers["x-darklift-steps"] == "2"
    assert opened(answer.content).format == "WEBP"


def test_a_photo_that_stays_as_it_is_comes_back_byte_for_byte(web: Serving) -> None:
    photo = dark_photo(format="JPEG", quality=71)
    answer = web.http.post(f"{API}/enhance?strength=0", content=photo)
    assert answer.headers["x-darklift-unchanged"] == "true"
    assert answer.content == photo


def test_what_the_result_does_not_hold_is_told(web: Serving) -> None:
    codes = np.random.default_rng(0).integers(0, 4000, (20, 30), dtype=np.uint16)
    stream = io.BytesIO()
    Image.fromarray(codes).save(stream, "PNG")
    answer = web.http.post(f"{API}/enhance?format=jpg", content=stream.getvalue())
    assert json.loads(answer.headers["x-darklift-warnings"]) == ["16 bits a channel: JPEG has 8"]


def test_all_frames_of_an_animation_are_enhanced(web: Serving) -> None:
    frames = [opened(dark_photo(seed=seed)) for seed in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    whole = web.http.post(f"{API}/enhance", content=stream.getvalue())
    assert getattr(opened(whole.content), "n_frames") == 3  # noqa: B009
    one = web.http.post(f"{API}/enhance?frame=2&format=png", content=stream.getvalue())
    assert opened(one.content).format == "PNG"


def test_a_map_of_uncertainty_is_drawn(web: Serving) -> None:
    answer = web.http.post(f"{API}/uncertainty", content=dark_photo())
    assert answer.headers["content-type"] == "image/png"
    assert opened(answer.content).height > 32  # with a legend


def test_a_held_photo_is_looked_at_and_let_go(web: Serving) -> None:
    answer = web.http.post(f"{API}/photos", content=dark_photo(400, 200))
    assert answer.status_code == 201
    facts = answer.json()
    address = answer.headers["location"]
    assert address == f"{API}/photos/{facts.pop('id')}"
    assert (facts["width"], facts["height"], facts["format"], facts["result_extension"]) == (400, 200, "PNG", ".png")
    assert web.http.get(address).json() == facts

    original = opened(web.http.get(f"{address}/original?side=100").content)
    preview = opened(web.http.get(f"{address}/preview?side=100&exposure=+0").content)
    doubt = opened(web.http.get(f"{address}/uncertainty?side=100").content)
    assert original.size == preview.size == doubt.size == (100, 50)
    assert np.mean(preview) > 5 * np.mean(original)
    assert web.http.get(f"{address}/original?as=jpg").headers["content-type"] == "image/jpeg"

    assert web.http.delete(address).status_code == 204
    assert web.http.get(address).status_code == 404
    assert web.service.budget.used == 0


def test_a_look_at_a_photo_is_taken_once_for_each_model(web: Serving) -> None:
    address = web.http.post(f"{API}/photos", content=dark_photo(400, 200)).headers["location"]
    (photo,) = web.service.photos.values()
    look = photo.looks["gain"]
    for model in ("gain", "other", "gain", "other"):
        assert web.http.get(f"{address}/preview?side=60&model={model}").status_code == 200
    assert photo.looks["gain"] is look
    assert set(photo.looks) == {"gain", "other"}


def test_a_job_is_followed_and_fetched(web: Serving) -> None:
    started = web.http.post(f"{API}/jobs", content=dark_photo())
    assert started.status_code == 202
    address = started.headers["location"]
    events = web.http.get(f"{address}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    told = [dict(line.split(": ", 1) for line in event.splitlines()) for event in events.text.split("\n\n")[:-1]]
    assert [event["event"] for event in told] == ["progress"] * (len(told) - 1) + ["done"]
    last = json.loads(told[-1]["data"])
    assert (last["done"], last["total"]) == (STEPS, STEPS)
    assert last["result"]["width"] == 48
    assert web.http.get(f"{address}/result").content == expected(dark_photo())
    assert opened(web.http.get(f"{address}/picture?side=24").content).size == (24, 16)
    assert web.http.get(address).json()["state"] == "done"
    assert web.http.delete(address).status_code == 204
    assert web.http.get(address).status_code == 404


def test_a_job_takes_a_held_photo(web: Serving) -> None:
    photo = web.http.post(f"{API}/photos", content=dark_photo()).json()["id"]
    started = web.http.post(f"{API}/jobs?photo={photo}&steps=1")
    address = started.headers["location"]
    web.http.get(f"{address}/events")
    assert web.http.get(f"{address}/result").content == expected(dark_photo(), steps=1)


def test_models_formats_health_and_metrics_are_told(web: Serving) -> None:
    models = web.http.get(f"{API}/models").json()
    assert [model["name"] for model in models["models"]] == ["gain", "other"]
    assert models["models"][0]["title"] == "Ten times"
    assert models["limits"]["bytes"] == 2_000_000
    formats = {kind["name"]: kind for kind in web.http.get(f"{API}/formats").json()["formats"]}
    assert formats["JPEG"]["media_type"] == "image/jpeg"
    assert not formats["HEIF"]["written"]
    assert formats["HEIF"]["result_extension"] == ".jpg"
    assert web.http.get(f"{API}/health/live").json() == {"status": "live"}
    assert web.http.get(f"{API}/health/ready").json() == {"status": "ready"}
    web.http.post(f"{API}/enhance", content=dark_photo())
    web.http.post(f"{API}/enhance", content=b"no picture")
    metrics = web.http.get("/metrics").text
    assert f'darklift_requests_total{{method="POST",route="{API}/enhance",status="200"}} 1.0' in metrics
    assert 'darklift_refused_total{kind="not-a-picture"} 1.0' in metrics
    assert f'darklift_pixels_total{{model="gain"}} {48 * 32}.0' in metrics
    assert 'darklift_running{desk="work"} 0.0' in metrics


def test_the_last_event_comes_also_where_the_job_ends_while_another_is_sent(web: Serving) -> None:
    async def events() -> list[bytes]:
        (job,) = web.service.jobs.values()
        told = []
        async for event in job.events():
            told.append(event)
            web.step.may_go.set()
            while not job.ended:
                await asyncio.sleep(0.005)
        return told

    web.step.may_go.clear()
    web.http.post(f"{API}/jobs", content=dark_photo())
    told = web.http.portal.call(events)  # type: ignore[union-attr]
    assert [event.split(b"\n")[0] for event in told] == [b"event: progress", b"event: done"]


def test_a_comment_keeps_the_connection_open(web: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darklift.web.jobs.KEEP_ALIVE", 0.01)

    async def events() -> list[bytes]:
        (job,) = web.service.jobs.values()
        told = []
        async for event in job.events():
            told.append(event)
            if event.startswith(b":"):
                web.step.may_go.set()
        return told

    web.step.may_go.clear()
    web.http.post(f"{API}/jobs", content=dark_photo())
    assert b": still at it\n\n" in web.http.portal.call(events)  # type: ignore[union-attr]
