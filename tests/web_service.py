"""A web service for tests: a model that needs no weights, and that waits where a test wants it to."""

import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image
from starlette.testclient import TestClient

from darklift import Enhancer
from darklift.diffusion import SamplerPreset
from darklift.runtime import Footprint, Model, ModelCard
from darklift.web.app import make_app
from darklift.web.limits import Limits
from darklift.web.policy import Policy
from darklift.web.service import Served, Service
from darklift.web.static import Site

FloatArray = npt.NDArray[np.float32]
API = "/api/v1"
STEPS = 4


class Exposure:
    inputs = ("thumbnail",)
    outputs = ("brightness",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {"brightness": np.full(1, 0.4, np.float32)}


class Step:
    """Ten times the coded value; unsure where the photo is bright. Each step waits until it may go on."""

    inputs = ("x", "abar", "low", "brightness")
    outputs = ("x0", "uncertainty")

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.may_go.set()
        self.began = threading.Semaphore(0)
        self.count = self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        with self._lock:
            self.count += 1
            self.now += 1
            self.most = max(self.most, self.now)
        self.began.release()
        assert self.may_go.wait(20)
        with self._lock:
            self.now -= 1
        gain = np.float32(10 / 0.4) * feeds["brightness"]
        return {"x0": 2 * np.clip(feeds["low"] * gain, 0, 1) - 1, "uncertainty": feeds["low"]}


def slow_model(name: str = "gain") -> tuple[Model, Step]:
    step = Step()
    preset = SamplerPreset(STEPS, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)
    card = ModelCard(name, name, Footprint(4, sees_whole=True), {"default": preset})
    return Model(card, {"step": step, "exposure": Exposure()}), step


class Serving:
    """A service, its model's step, and clients of it."""

    def __init__(self, service: Service, step: Step, client: Callable[..., TestClient]) -> None:
        self.service, self.step, self._client = service, step, client
        self.http = client()

    def from_address(self, address: str) -> TestClient:
        return self._client(client=(address, 50000))

    def wait_until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end, "it took more than ten seconds"
            time.sleep(0.005)


@contextmanager
def serving(policy: Policy | None = None, site: Site | None = None, **limits: float) -> Iterator[Serving]:
    model, step = slow_model()
    other, _ = slow_model("other")
    allowed = Limits(**{"bytes": 2_000_000, "held": 200_000_000, **limits})  # type: ignore[arg-type]
    served = {"gain": Served(Enhancer(model), "Ten times", 7), "other": Served(Enhancer(other), "The other")}
    service = Service(served, allowed)
    app = make_app(service, policy or Policy(), site)
    with TestClient(app, base_url="http://127.0.0.1:8000") as http:

        def client(**options: object) -> TestClient:
            made = TestClient(app, base_url="http://127.0.0.1:8000", **options)  # type: ignore[arg-type]
            made.portal = http.portal  # all in one event loop, as in a server
            return made

        try:
            yield Serving(service, step, client)
        finally:
            step.may_go.set()
    service.close()


def dark_photo(width: int = 48, height: int = 32, format: str = "PNG", seed: int = 0, **options: object) -> bytes:
    codes = np.random.default_rng(seed).integers(0, 24, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(codes).save(stream, format, **options)
    return stream.getvalue()
