"""LPIPS against plain torch modules and the lpips package, and how it finds and reads its weights."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from weights_for_tests import FILES, TAPS, WIDTHS, backbone, write_weights  # noqa: E402

from gscompress.errors import Corrupt, InputError, MissingExtra, MissingWeights  # noqa: E402
from gscompress.evaluate import LPIPS, lpips_weights  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The folder of both networks' random weights under "folder", and what is in it by the nets' names."""
    folder = tmp_path_factory.mktemp("weights")
    return {"folder": folder} | {net: write_weights(folder, net) for net in FILES}


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No installed package with heads, and an empty cache of torch: its folder of checkpoints, not made."""
    monkeypatch.setattr(lpips_weights, "HEAD_PACKAGES", {})
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "home" / "hub" / "checkpoints"


def images(height: int = 45, width: int = 52) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    a = rng.random((height, width, 3), np.float32)
    return a, (a + rng.normal(0, 0.2, a.shape)).astype(np.float32)


def expected(layers: Any, heads: list[Any], net: str, pair: tuple[np.ndarray, np.ndarray], centred: bool) -> float:
    """The definition, in float64, with all activations kept."""
    outputs: list[list[Any]] = []
    for image in pair:
        x = torch.tensor(image.clip(0, 1).transpose(2, 0, 1).copy(), dtype=torch.float64)[None]
        x = 2 * x - 1 if centred else x
        x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
        outputs.append([])
        for index, layer in enumerate(layers[: TAPS[net][-1] + 1]):
            x = layer.double()(x)
            if index in TAPS[net]:
                outputs[-1].append(x / (torch.sqrt((x**2).sum(1, keepdim=True)) + 1e-10))
    distances = [(u - v) ** 2 for u, v in zip(*outputs, strict=True)]
    return sum(float(torch.einsum("nchw,c->nhw", d, h.double()).mean()) for d, h in zip(distances, heads, strict=True))


@pytest.mark.parametrize("net", FILES)
@pytest.mark.parametrize("input_range", ["[-1,1]", "[0,1]"])
def test_against_plain_torch(made, net, input_range):
    layers, heads = made[net]
    found = LPIPS(net, weights=made["folder"], input_range=input_range)(*images())
    assert found == pytest.approx(expected(layers, heads, net, images(), input_range == "[-1,1]"), rel=1e-5)
    assert found > 0.01


@pytest.mark.parametrize("net", FILES)
def test_against_the_lpips_package(net, tmp_path):
    """Its untrained networks, which it makes without a download, and the real heads."""
    try:
        import lpips  # pyright: ignore[reportMissingImports]
    except Exception as error:  # a torchvision that does not fit torch raises RuntimeError
        pytest.skip(f"the lpips package does not load: {error}")
    torch.manual_seed(3)
    theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    convolutions = {name.split(".", 1)[1]: value for name, value in theirs.net.state_dict().items()}
    torch.save({f"features.{name}": value for name, value in convolutions.items()}, tmp_path / FILES[net][0])
    a, b = images(70, 91)
    pair = [torch.tensor(v.clip(0, 1).transpose(2, 0, 1).copy())[None] for v in (a, b)]
    for input_range, normalize in (("[-1,1]", True), ("[0,1]", False)):
        found = LPIPS(net, weights=tmp_path, input_range=input_range)(a, b)
        assert found == pytest.approx(float(theirs(*pair, normalize=normalize)), rel=1e-4)


@pytest.mark.cuda
@pytest.mark.parametrize("net", FILES)
def test_cuda_agrees(made, net):
    on_cpu, on_cuda = (LPIPS(net, weights=made["folder"], device=device)(*images()) for device in ("cpu", "cuda"))
    assert on_cuda == pytest.approx(on_cpu, rel=5e-3)  # TF32


@pytest.mark.parametrize("net", FILES)
def test_equal_images_and_clamping(made, net):
    distance = LPIPS(net, weights=made["folder"])
    a, b = images()
    assert distance(a, a) == 0
    assert distance(b, a) == pytest.approx(distance(a, b), rel=1e-5)
    assert distance(a, b.clip(0, 1)) == distance(a, b)
    assert distance(a.astype(np.float64), b) == distance(a, b)


@pytest.mark.parametrize(("net", "side"), [("vgg", 16), ("alex", 31)])
def test_smallest_images(made, net, side):
    distance = LPIPS(net, weights=made["folder"])
    a, b = images(side, side + 1)
    assert distance(a, b) > 0
    with pytest.raises(InputError, match=f"at least {side} px a side, found {side + 1} x {side - 1}"):
        distance(a[1:], b[1:])
    with pytest.raises(InputError, match="one shape"):
        distance(a, b[:, 1:])
    with pytest.raises(InputError, match="one shape"):
        distance(a[..., :1], b[..., :1])


def test_unusable_arguments(made):
    with pytest.raises(InputError, match=r"net: expected one of vgg, alex, found 'squeeze'"):
        LPIPS("squeeze", weights=made["folder"])
    with pytest.raises(InputError, match=r"input_range: expected one of \[-1,1\], \[0,1\]"):
        LPIPS("alex", weights=made["folder"], input_range="[0,255]")
    with pytest.raises(InputError, match="expected a folder"):
        LPIPS("alex", weights=made["folder"] / "alex.pth")


def test_missing_weights_say_what_and_where(made, nowhere, tmp_path):
    with pytest.raises(MissingWeights) as caught:
        LPIPS("vgg")
    message = str(caught.value)
    for part in ("vgg16-397923af.pth", "vgg.pth", str(nowhere), "download.pytorch.org/models/vgg16-397923af.pth", "pip install"):
        assert part in message
    assert isinstance(caught.value, FileNotFoundError)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "alexnet-owt-7be5be79.pth").symlink_to(made["folder"] / "alexnet-owt-7be5be79.pth")
    with pytest.raises(MissingWeights) as caught:
        LPIPS("alex", weights=tmp_path / "given")
    assert list(caught.value.sources) == ["alex.pth"]
    assert caught.value.searched == [str(tmp_path / "given"), str(nowhere)]
    assert "alexnet" not in str(caught.value)


def test_where_weights_are_found(made, nowhere, tmp_path, monkeypatch):
    """The given folder, then packages (heads only), then torch's cache."""
    backbone_name, heads_name = FILES["alex"]
    nowhere.mkdir(parents=True)
    (nowhere / backbone_name).symlink_to(made["folder"] / backbone_name)
    (nowhere / heads_name).symlink_to(made["folder"] / heads_name)
    assert lpips_weights.find_weights("alex") == (nowhere / backbone_name, nowhere / heads_name)
    assert LPIPS("alex")(*images()) == LPIPS("alex", weights=made["folder"])(*images())
    package = tmp_path / "site" / "package_of_heads"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemError('imported')")
    (package / "models" / heads_name).write_bytes(b"")
    monkeypatch.setattr(lpips_weights, "HEAD_PACKAGES", {"package_of_heads": "models", "package_of_nothing": "models"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert lpips_weights.find_weights("alex") == (nowhere / backbone_name, package / "models" / heads_name)
    assert lpips_weights.find_weights("alex", made["folder"]) == (made["folder"] / backbone_name, made["folder"] / heads_name)


class Bomb:
    """Unpickling it would write a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "")


def test_files_that_hold_no_weights(made, tmp_path):
    heads = tmp_path / "alex.pth"
    (tmp_path / FILES["alex"][0]).symlink_to(made["folder"] / FILES["alex"][0])
    whole = (made["folder"] / "alex.pth").read_bytes()
    tensors = torch.load(made["folder"] / "alex.pth", weights_only=True)
    first = "lin0.model.1.weight"

    def refused(*expected: str) -> None:
        with pytest.raises(Corrupt) as caught:
            LPIPS("alex", weights=tmp_path)
        for part in ("alex.pth", *expected):
            assert part in str(caught.value)

    for data in (b"", b"<html>not found</html>", whole[: len(whole) // 2], pickle.dumps(Bomb(tmp_path / "bomb"), 2)):
        heads.write_bytes(data)
        refused("written by torch.save")
    torch.save({first: Bomb(tmp_path / "bomb")}, heads, pickle_protocol=2)
    refused("written by torch.save")
    assert not (tmp_path / "bomb").exists()
    for wrong, parts in (
        ([1], (first, "found none")),
        ({}, (first, "found none")),
        (backbone("alex").state_dict(), (first, "found none")),  # the wrong one of the two files
        (tensors | {first: torch.rand(1, 63, 1, 1)}, (first, "floats [1, 64, 1, 1]", "float32 [1, 63, 1, 1]")),
        (tensors | {first: torch.ones(1, 64, 1, 1, dtype=torch.int32)}, (first, "int32")),
        (tensors | {first: torch.full((1, 64, 1, 1), float("nan"))}, (first, "finite")),
    ):
        torch.save(wrong, heads)
        refused(*parts)


@pytest.mark.parametrize("net", FILES)
def test_real_heads(net):
    """Those of the lpips package or of torchmetrics; they were trained to be positive."""
    found = [path for path in (folder / FILES[net][1] for folder in lpips_weights._package_folders()) if path.is_file()]
    if not found:
        pytest.skip("neither lpips nor torchmetrics is installed")
    shapes = {f"lin{i}.model.1.weight": (1, width, 1, 1) for i, width in enumerate(WIDTHS[net])}
    for path in found:
        weights = lpips_weights.read_weights(path, shapes)
        assert list(weights) == list(shapes)
        assert min(float(w.min()) for w in weights.values()) >= 0


def test_without_torch(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"LPIPS needs torch: pip install 'gscompress\[train\]'"):
        LPIPS("alex", weights=made["folder"])
