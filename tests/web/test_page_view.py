"""Where the page draws a photo, as it is zoomed and moved about: never away from the canvas, never jumping."""

import random

import pytest

from web_engine import ask, needs_node

pytestmark = needs_node

SIZES = [(600, 400), (4000, 6000), (1, 1), (12000, 90), (33, 47)]
CANVASES = [(1000, 700), (390, 300), (2800, 1900)]


def size(pair):
    return {"width": pair[0], "height": pair[1]}


@pytest.fixture(scope="module")
def walks():
    """Photos, canvases, moves at random, and the views that come of them."""
    draw = random.Random(5)
    walks = []
    for photo in SIZES:
        for canvas in CANVASES:
            moves = [
                ["zoom", 2 ** draw.uniform(-6, 6), draw.uniform(0, canvas[0]), draw.uniform(0, canvas[1])]
                if draw.random() < 0.5
                else ["move", draw.uniform(-900, 900), draw.uniform(-900, 900)]
                for _ in range(40)
            ]
            walks.append((photo, canvas, moves))
    answers = ask("view.ts", [{"photo": size(p), "canvas": size(c), "moves": m} for p, c, m in walks])
    return list(zip(walks, answers, strict=True))


def test_the_first_view_shows_all_of_the_photo_in_the_middle(walks):
    for (photo, canvas, _), (first, *_rest) in walks:
        for start, length, room in zip((first["left"], first["top"]), photo, canvas, strict=True):
            assert start >= 0
            assert start + length * first["scale"] == pytest.approx(room - start)
        assert not first["movable"]


def test_a_larger_photo_covers_the_canvas_and_a_smaller_one_stays_in_its_middle(walks):
    for (photo, canvas, _), views in walks:
        for view in views:
            inside = True
            for start, length, room in zip((view["left"], view["top"]), photo, canvas, strict=True):
                end = start + length * view["scale"]
                if end - start <= room:
                    assert start == pytest.approx(room - end, abs=1e-6)
                else:
                    assert start <= 1e-6
                    assert end >= room - 1e-6
                    inside = inside and end - start <= room + 1
            assert view["movable"] == (not inside)
            assert view["scale"] <= 16


def test_what_is_under_the_pointer_stays_there_while_zooming(walks):
    held = 0
    for (photo, canvas, moves), views in walks:
        for (kind, *values), before, after in zip(moves, views, views[1:], strict=False):
            spans = [length * min(before["scale"], after["scale"]) for length in photo]
            if kind != "zoom" or any(span < 2.5 * room for span, room in zip(spans, canvas, strict=True)):
                continue
            for corner, at, length, room in zip(("left", "top"), values[1:], photo, canvas, strict=True):
                place = (at - before[corner]) / before["scale"]
                free = at - place * after["scale"]
                if room - length * after["scale"] <= free <= 0:  # not held by the photo's edge
                    assert (at - after[corner]) / after["scale"] == pytest.approx(place)
                    held += 1
    assert held > 20


def test_steps_of_zoom_go_through_round_numbers_and_back(walks):
    for _, views in walks:
        for view in views:
            assert view["less"] < view["scale"] < view["more"] <= 2.01 * view["scale"]
