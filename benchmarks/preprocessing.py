"""From the camera's picture to the network's input, beside the route of NVIDIA's notebooks, in turns in one run.

Their `preprocess` (JetRacer's notebooks): the array as a PIL image, to a tensor of floats in 0..1 in CHW order,
ImageNet's mean subtracted and its deviation divided by, in place; on a CPU here. A picture of 1280x720 is first made
small by cv2.resize, as jetcam does. Ours: `Preprocess`, the copy into the engine's memory, and what our graph does
beyond theirs: the same net is exported twice, for bytes and for their tensor; ONNX Runtime runs both in the same turns.
"""
from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import numpy as np

from benchmarks.measure import table, verdict
from jetracer.core.errors import DeviceError
from jetracer.engine.card import ModelCard
from jetracer.engine.interleave import rounds
from jetracer.engine.onnx_run import session
from jetracer.perception.preprocess import Preprocess

GOALS = {"224x224": 5.0, "1280x720": 4.0}  # times as fast, at least
JUDGED = "road_net"  # the goals are those of the shipped net; the others pad with grey and normalise in the graph
OTHERS = ("pilotnet", "mobilenet_v3_small")
SECONDS, QUICK_SECONDS = 15.0, 1.0
SIDE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Run = Callable[[], Any]


def measure(quick: bool = False, road: str = "road") -> Dict[str, Any]:
    """{"sizes": {size: ms and ratio}, "graphs": {net: ms}, ...}. Raises DeviceError without torch or PIL."""
    try:
        import PIL.Image  # noqa: F401
        import torch
    except ImportError as error:
        raise DeviceError(f"NVIDIA's route needs torch and PIL ({error}): pip install -e '.[train]' pillow") from error
    seconds = QUICK_SECONDS if quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="jetracer-bench-") as folder, _one_thread(torch):
        runs = _graphs(JUDGED, Path(folder))
        for size in GOALS:
            runs["theirs", size], runs["ours", size] = _routes(size)
        taken = _medians(runs, seconds)
        for name in () if quick else OTHERS:  # apart: their longer runs would leave the others few rounds
            taken.update(_medians(_graphs(name, Path(folder)), seconds))
    graphs = {name: float(np.median(taken["bytes", name] - taken["tensor", name]))
              for what, name in taken if what == "bytes"}
    sizes = {size: _beside(taken["theirs", size], taken["ours", size], graphs) for size in GOALS}
    return {"sizes": sizes, "graphs": graphs, "rounds": len(taken["ours", "224x224"]),
            "goal_met": all(sizes[size]["ratio"][JUDGED] >= goal for size, goal in GOALS.items())}


def _medians(runs: Dict[Tuple[str, str], Run], seconds: float) -> Dict[Tuple[str, str], np.ndarray]:
    """Of each round, in ms."""
    return {name: np.median(blocks, axis=1) for name, blocks in rounds(runs, seconds).items()}


def _beside(theirs: np.ndarray, ours: np.ndarray, graphs: Dict[str, float]) -> Dict[str, Any]:
    """Medians, and the median of the rounds' ratios. A graph that seems to be faster with bytes counts as equal."""
    ratio = {name: float(np.median(theirs / (ours + max(0.0, cost)))) for name, cost in graphs.items()}
    return {"theirs_ms": float(np.median(theirs)), "ours_ms": float(np.median(ours)), "ratio": ratio}


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    import cv2

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def _routes(size: str) -> Tuple[Run, Run]:
    """(theirs, ours) for pictures of one size, BGR as a camera gives them."""
    import cv2

    width, height = map(int, size.split("x"))
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    theirs = nvidias_preprocess()
    card = ModelCard("road", "bench", "fp32", outputs={"aim": "aim"})
    prepare, memory = Preprocess(card), np.empty(card.input.shape, np.uint8)

    def their_route() -> Any:
        small = picture if width == SIDE else cv2.resize(picture, (SIDE, SIDE))
        return theirs(small)

    def our_route() -> Any:
        np.copyto(memory, prepare(picture))
        return memory

    return their_route, our_route


def nvidias_preprocess() -> Callable[[np.ndarray], Any]:
    """Picture (H,W,3) uint8 -> tensor (1,3,H,W), as the notebooks' `preprocess` with torchvision's `to_tensor`."""
    import PIL.Image
    import torch

    mean, std = torch.tensor(MEAN), torch.tensor(STD)

    def preprocess(picture: np.ndarray) -> Any:
        image = PIL.Image.fromarray(picture)
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        tensor.sub_(mean[:, None, None]).div_(std[:, None, None])
        return tensor[None]

    return preprocess


def _graphs(name: str, folder: Path) -> Dict[Tuple[str, str], Run]:
    """The net as it is exported, for bytes, and as it would be for a tensor that is normalised already."""
    import torch

    from jetracer.export.onnx import OUTPUTS, RoadGraph, write_graph
    from jetracer.models.backbones import make_net

    torch.manual_seed(0)
    ours = RoadGraph(make_net(name))
    write_graph(ours, folder / "bytes.onnx", SIDE, OUTPUTS)
    _write_plain(ours, folder / "tensor.onnx")
    random = np.random.default_rng(1)
    return {
        ("bytes", name): _session(folder / "bytes.onnx", random.integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)),
        ("tensor", name): _session(folder / "tensor.onnx", random.normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)),
    }


def _write_plain(ours: Any, path: Path) -> None:
    """The same layers behind a float32 input in CHW order, without a word about pixels."""
    import torch
    from torch import nn

    from jetracer.export.onnx import OUTPUTS, write_module
    from jetracer.models.road_net import RoadNet

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = ours.net

        def forward(self, image: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
            seen = self.net(nn.functional.avg_pool2d(image, 2) if isinstance(self.net, RoadNet) else image)
            return seen[0].clamp(-1.0, 1.0), torch.sigmoid(seen[1])

    write_module(Plain(), path, torch.zeros(1, 3, SIDE, SIDE), OUTPUTS)


def _session(path: Path, given: np.ndarray) -> Run:
    opened = session(path)
    binding = opened.io_binding()
    binding.bind_cpu_input("image", given)
    for output in opened.get_outputs():
        binding.bind_output(output.name)
    return lambda: opened.run_with_iobinding(binding)


def show(result: Dict[str, Any]) -> str:
    rows = [[name, round(result["graphs"][name], 3),
             *(value for size in GOALS for value in (*_in_all(result["sizes"][size], result["graphs"][name]),
                                                     f"{result['sizes'][size]['ratio'][name]:.1f}x"))]
            for name in result["graphs"]]
    head = ["net", "graph +ms", *(word for size in GOALS for word in (f"{size} theirs ms", "ours", "times"))]
    text = [table(rows, head), f"  medians of {result['rounds']} rounds; ours with what the graph does beyond theirs"]
    goal = ", ".join(f"{size} >= {least:.0f} times as fast" for size, least in GOALS.items())
    return "\n".join([*text, verdict(f"{JUDGED}, {goal}", result["goal_met"])])


def _in_all(size: Dict[str, Any], graph_ms: float) -> Tuple[float, float]:
    return round(size["theirs_ms"], 3), round(size["ours_ms"] + max(0.0, graph_ms), 3)
