"""darklift.store.released: programs are told from weights. Harmful files are in golden/test_lldiffusion.py."""

import warnings

import pytest
import torch

from darklift.errors import ModelError
from darklift.store.convert import convert
from darklift.store.released import ReleasedFile


@pytest.mark.parametrize("read", [ReleasedFile, lambda path: convert(path, path.with_suffix(".safetensors"))])
def test_a_torchscript_archive_is_refused(tmp_path, read):
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls it deprecated
        torch.jit.script(torch.nn.Linear(2, 3)).save(path)
    with pytest.raises(ModelError, match=r"scripted\.pt is a TorchScript archive"):
        read(path)


def test_tensors_come_back_as_they_were_saved(tmp_path):
    """Also transposed ones, several of one storage, parameters, and whole numbers."""
    whole = torch.arange(24.0).reshape(4, 6)
    saved = {
        "transposed": whole.T,
        "part": whole[1:3, ::2],
        "half": whole.half(),
        "count": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(whole + 1),
    }
    torch.save(saved, tmp_path / "a.pth")
    with ReleasedFile(tmp_path / "a.pth") as file:
        back = file.load(file.content)
    assert back["half"].dtype == torch.float32
    for name, tensor in saved.items():
        assert torch.equal(back[name], tensor.float() if tensor.is_floating_point() else tensor), name
