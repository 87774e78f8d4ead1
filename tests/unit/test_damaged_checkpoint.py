"""A checkpoint whose description is of the wrong kind is a ModelError, whatever it holds."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from darklift.errors import ModelError
from darklift.store.checkpoint import FORMAT, load_checkpoint

GOOD = {"method": "compact", "config": {}, "info": {}}


@pytest.mark.parametrize(
    "description", [[1], {}, {**GOOD, "method": ["x"]}, {**GOOD, "config": 5}, {**GOOD, "info": 5}]
)
def test_a_description_of_another_kind(tmp_path, description):
    path = tmp_path / "a.safetensors"
    metadata = {"format": FORMAT, "darklift": json.dumps(description)}
    save_file({"weight": np.zeros(1, np.float32)}, path, metadata)
    with pytest.raises(ModelError, match="does not say what it holds"):
        load_checkpoint(path)
