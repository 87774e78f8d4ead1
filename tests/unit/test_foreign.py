"""Other people's networks as ONNX: how a card says they take a picture, and what it may not say."""

from pathlib import Path

import numpy as np
import pytest

from darklift.data import Pair
from darklift.errors import ConfigError, ModelError
from darklift.evaluation.foreign import open_foreign, read_card
from darklift.image import from_array

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
PAIR = Pair("1", Path("low.png"), Path("high.png"))


def save(path: Path, nodes, shape=(1, 3, None, None), outputs=("out",), inputs=("in",), constants=()):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info(name, FLOAT, [None] * 4) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, path)


def card(folder: Path, *lines: str) -> Path:
    path = folder / "card.toml"
    path.write_text("\n".join(['model = "net.onnx"', *lines]), encoding="utf-8")
    return path


def picture(size=(5, 7), bits=np.uint8):
    rng = np.random.default_rng(0)
    return from_array(rng.integers(0, np.iinfo(bits).max, (*size, 3), bits))


@pytest.mark.parametrize(
    ("range_", "lowest", "highest"), [("unit", 0.0, 1.0), ("signed", -1.0, 1.0), ("bytes", 0.0, 255.0)]
)
def test_values_are_given_and_taken_in_the_card_s_range(tmp_path, range_, lowest, highest):
    """The network turns each value over within its range, which only looks right in that one."""
    total = np.float32(lowest + highest)
    save(tmp_path / "net.onnx", [helper.make_node("Sub", ["total", "in"], ["out"])], constants=[("total", total)])
    network = open_foreign(card(tmp_path, f'range = "{range_}"'))
    low = picture()
    made = network.enhance(low, PAIR, low)
    np.testing.assert_allclose(made.pixels, 1 - low.pixels, atol=1e-5)
    assert made.source.bits == 8


def test_layout_colours_and_sides(tmp_path):
    """It doubles the first channel and adds how many rows it saw."""
    nodes = [
        helper.make_node("Mul", ["in", "gain"], ["doubled"]),
        helper.make_node("Shape", ["in"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["count"], to=FLOAT),
        helper.make_node("Mul", ["count", "hundredth"], ["added"]),
        helper.make_node("Add", ["doubled", "added"], ["out"]),
    ]
    gain = np.array([2, 1, 1], np.float32).reshape(1, 1, 1, 3)
    save(tmp_path / "net.onnx", nodes, (1, None, None, 3), constants=[("gain", gain), ("hundredth", 0.01)])
    model = onnx.load(tmp_path / "net.onnx")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1, np.int64), "one"))
    onnx.save(model, tmp_path / "net.onnx")
    network = open_foreign(card(tmp_path, 'layout = "NHWC"', 'colours = "BGR"', "multiple = 4", 'name = "twice"'))
    low = picture()
    made = network.enhance(low, PAIR, low)
    expected = np.clip(low.pixels * [1, 1, 2] + 0.08, 0, 1)  # blue comes first, and 5 rows were filled up to 8
    np.testing.assert_allclose(made.pixels, expected, atol=1e-6)
    assert (network.name, network.runs) == ("twice", "onnx")
    assert "multiples of 4" in network.note


def test_one_output_of_several_is_named(tmp_path):
    nodes = [helper.make_node("Identity", ["in"], ["map"]), helper.make_node("Neg", ["in"], ["out"])]
    save(tmp_path / "net.onnx", nodes, outputs=("out", "map"))
    low = picture()
    with pytest.raises(ConfigError, match=r"no output, .*out, map"):
        open_foreign(card(tmp_path))
    with pytest.raises(ConfigError, match="'mop'"):
        open_foreign(card(tmp_path, 'output = "mop"'))
    made = open_foreign(card(tmp_path, 'output = "map"')).enhance(low, PAIR, low)
    np.testing.assert_array_equal(made.pixels, low.pixels)


def test_what_is_no_picture_is_told(tmp_path):
    save(tmp_path / "net.onnx", [helper.make_node("Transpose", ["in"], ["out"], perm=[0, 1, 3, 2])])
    low = picture()
    with pytest.raises(ModelError, match=r"\(1, 3, 7, 5\) of \(1, 3, 5, 7\)"):
        open_foreign(card(tmp_path)).enhance(low, PAIR, low)
    save(tmp_path / "net.onnx", [helper.make_node("Log", ["in"], ["out"])])
    black = from_array(np.zeros((5, 7, 3), np.uint8))
    with pytest.raises(ModelError, match="NaN"):
        open_foreign(card(tmp_path)).enhance(black, PAIR, black)
    save(tmp_path / "net.onnx", [helper.make_node("Add", ["in", "more"], ["out"])], inputs=("in", "more"))
    with pytest.raises(ConfigError, match="in, more"):
        open_foreign(card(tmp_path))


@pytest.mark.parametrize(
    ("lines", "size", "message"),
    [
        ((), (8, 7), "takes pictures of 6x8 only, got 7x8: export it for any size"),
        (("multiple = 4",), (8, 6), "takes pictures of 6x8 only, got 8x8"),
    ],
)
def test_a_picture_of_another_size_than_the_network_takes(tmp_path, lines, size, message):
    save(tmp_path / "net.onnx", [helper.make_node("Identity", ["in"], ["out"])], (1, 3, 8, 6))
    network = open_foreign(card(tmp_path, *lines))
    low = picture(size)
    with pytest.raises(ModelError, match=message):
        network.enhance(low, PAIR, low)


def test_a_network_of_one_size_takes_pictures_that_are_filled_up_to_it(tmp_path):
    save(tmp_path / "net.onnx", [helper.make_node("Identity", ["in"], ["out"])], (1, 8, None, 3))
    low = picture((7, 6))
    made = open_foreign(card(tmp_path, "multiple = 8", 'layout = "NHWC"')).enhance(low, PAIR, low)
    np.testing.assert_allclose(made.pixels, low.pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((1, 3, None, None), "NHWC", r"\(1, 3, any, any\), and layout is NHWC: set  layout = \"NCHW\""),
        ((1, 3, 400, 600), "NHWC", 'set  layout = "NCHW"'),
        ((None, None, None, 3), "NCHW", 'set  layout = "NHWC"'),
        ((1, 1, None, None), "NCHW", "expected 3 channels, NCHW"),
        ((3, None, None), "NCHW", "expected one picture of four axes, NCHW"),
        ((8, 3, None, None), "NCHW", "expected one picture of four axes, NCHW"),
    ],
)
def test_a_network_that_takes_no_picture_as_the_card_has_it(tmp_path, shape, layout, message):
    save(tmp_path / "net.onnx", [helper.make_node("Identity", ["in"], ["out"])], shape)
    with pytest.raises(ConfigError, match=message) as error:
        open_foreign(card(tmp_path, f'layout = "{layout}"'))
    assert "card.toml: net.onnx takes" in str(error.value)


@pytest.mark.parametrize("shape", [None, (None, None, None, None), ("batch", 3, "rows", -1)])
def test_what_a_network_does_not_tell_of_its_input_stands_in_no_way(tmp_path, shape):
    save(tmp_path / "net.onnx", [helper.make_node("Identity", ["in"], ["out"])], shape)
    low = picture()
    np.testing.assert_array_equal(open_foreign(card(tmp_path)).enhance(low, PAIR, low).pixels, low.pixels)


def test_a_network_in_16_bits(tmp_path):
    save(tmp_path / "net.onnx", [helper.make_node("Identity", ["in"], ["out"])])
    model = onnx.load(tmp_path / "net.onnx")
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match=r"takes tensor\(float16\) .*: export it in 32 bits"):
        open_foreign(card(tmp_path))


def test_sides_that_the_network_fails_at_are_no_matter_of_memory(tmp_path):
    """One adds a map of 8 by 8, and tells nobody."""
    node = helper.make_node("Add", ["in", "map"], ["out"])
    save(tmp_path / "net.onnx", [node], constants=[("map", np.zeros((1, 3, 8, 8)))])
    low = picture()
    with pytest.raises(ModelError, match=r"could not run .*: check what its card says of sides and layout"):
        open_foreign(card(tmp_path)).enhance(low, PAIR, low)


def test_a_network_that_wants_more_memory_than_there_is(tmp_path):
    save(tmp_path / "net.onnx", [helper.make_node("Expand", ["in", "size"], ["out"])])
    model = onnx.load(tmp_path / "net.onnx")
    huge = np.array([10**7, 3, 10**4, 10**4], np.int64)
    model.graph.initializer.append(onnx.numpy_helper.from_array(huge, "size"))
    onnx.save(model, tmp_path / "net.onnx")
    low = picture((1, 1))
    with pytest.raises(ModelError, match=r"could not run .*: free some memory"):
        open_foreign(card(tmp_path)).enhance(low, PAIR, low)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['rang = "unit"'], "did you mean 'range'"),
        (['range = "half"'], "unit or signed or bytes"),
        (['layout = "CHW"'], "NCHW or NHWC"),
        (['multiple = "8"'], "expected a number"),
        (["multiple = 0"], "expected 1 to 1024"),
        (["multiple = 1000000"], "expected 1 to 1024"),
        (["multiple = true"], "expected a number"),
        (["name = 3"], "expected a text"),
        (["name ="], "cannot read"),
    ],
)
def test_a_card_that_cannot_be_is_one_line(tmp_path, lines, message):
    with pytest.raises(ConfigError, match=message) as error:
        read_card(card(tmp_path, *lines))
    assert "card.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_card_without_a_network_and_a_network_that_is_none(tmp_path):
    (tmp_path / "card.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"model = .*network\.onnx"):
        read_card(tmp_path / "card.toml")
    with pytest.raises(ConfigError, match="cannot read"):
        read_card(tmp_path / "gone.toml")
    with pytest.raises(ModelError, match=r"no file .*net\.onnx"):
        open_foreign(card(tmp_path))
    for content in (b"no network", b""):
        (tmp_path / "net.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"cannot read .*net\.onnx as ONNX .*: export or copy it again"):
            open_foreign(card(tmp_path))


def test_a_network_without_the_file_of_its_weights(tmp_path):
    save(tmp_path / "net.onnx", [helper.make_node("Add", ["in", "more"], ["out"])], constants=[("more", [1.0, 2.0])])
    model = onnx.load(tmp_path / "net.onnx")
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    (tmp_path / "net.data").unlink()
    with pytest.raises(ModelError, match=r"cannot load .*: update onnxruntime, or put the files with its weights"):
        open_foreign(card(tmp_path))
