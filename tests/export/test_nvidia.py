"""A `.pth` of NVIDIA's notebook drives here and says what it said there."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[train]'")
pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.cli.main import main  # noqa: E402
from jetracer.core.errors import ConfigError, ModelError  # noqa: E402
from jetracer.core.types import Frame  # noqa: E402
from jetracer.engine.load import load_engine  # noqa: E402
from jetracer.engine.onnx_run import session  # noqa: E402
from jetracer.export.nvidia import export_nvidia  # noqa: E402
from jetracer.models.backbones import BACKBONES  # noqa: E402
from jetracer.perception.road import RoadFollower  # noqa: E402

CATEGORIES = 2


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """What the notebook saves: ResNet-18 with two outputs per category."""
    torch.manual_seed(0)
    net = BACKBONES.get("resnet18")(2 * CATEGORIES).eval()
    with torch.no_grad():
        net.fc.bias.copy_(torch.tensor([0.1, -0.2, 0.3, -0.4]))
    path = tmp_path_factory.mktemp("notebook") / "road_following_model.pth"
    torch.save(net.state_dict(), path)
    return net, path


@torch.no_grad()
def in_the_notebook(net, image):
    """preprocess() of its utils.py: a BGR array taken for RGB, ImageNet's mean and deviation."""
    pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return net(((pixels - mean[:, None, None]) / std[:, None, None])[None]).flatten().numpy()


def test_it_says_what_it_said_in_the_notebook(saved, tmp_path):
    net, path = saved
    assert main(["export", "onnx", str(path), "--category", "1", "--out", str(tmp_path / "mine.onnx")]) == 0
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    wanted = in_the_notebook(net, image)[2:4]
    with load_engine(tmp_path / "mine.onnx") as engine:
        scene = RoadFollower(engine).perceive(Frame(image, 0.0, 0))
        card = engine.card
    assert (scene.aim.x, scene.aim.y) == pytest.approx(wanted, abs=1e-4)
    assert (card.input.color, card.trained["category"], card.parents[0].split()[0]) == (
        "bgr", 1, "road_following_model.pth")


def test_any_batch_answers_as_one_by_one(saved, tmp_path):
    net, path = saved
    model = tmp_path / "many.onnx"
    assert main(["export", "onnx", str(path), "--any-batch", "--size", "64", "--out", str(model)]) == 0
    images = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), np.uint8)
    found = session(model).run(None, {"image": images})[0]
    np.testing.assert_allclose(found, [in_the_notebook(net, image)[:2] for image in images], atol=1e-4)
    with load_engine(model) as engine:  # and drives, with one at a time
        np.testing.assert_allclose(engine.infer({"image": images[:1]})["aim"], found[:1], atol=1e-4)


def test_what_is_no_such_file_is_told(saved, tmp_path):
    _, path = saved
    with pytest.raises(ConfigError, match="no category 2"):
        export_nvidia(path, tmp_path / "x.onnx", category=2)
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "alexnet.pth")
    with pytest.raises(ModelError, match="no net known here"):
        export_nvidia(tmp_path / "alexnet.pth", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
