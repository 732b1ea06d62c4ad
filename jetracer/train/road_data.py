"""Training pictures for the road net, made in the simulator and kept on disk.

A data set is a folder: `pictures.npy` (N,112,112,3) uint8 BGR, the 2x2 means of 224x224 renderings (the net's
graph begins with the same mean); `labels.npy` (N,5) float32, see `labels.py`; `about.npy` (N,7) float32,
see `ABOUT`; `data.json`, written last, with the configuration and a hash of everything. The same
configuration always gives the same bytes, whatever the number of processes.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.workers import workers
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import Track, generate
from jetracer.train.junk import spoil
from jetracer.train.labels import LabelConfig, label, wrapped
from jetracer.train.poses import CameraConfig, PoseConfig, draw_camera, draw_moment

PICTURE_PX = 112
ABOUT = (
    "seed",
    "lateral_half_widths",
    "heading_error_rad",
    "curvature",
    "exact_camera",
    "plain_look",
    "junk",
)
FORMAT = 2  # raise it when the same configuration begins to mean other bytes


@dataclass(frozen=True)
class DataConfig:
    """What to draw: `tracks` seeds from `first_seed`, each seen through `views` cameras and looks."""

    first_seed: int = 0
    tracks: int = 500
    views: int = 10
    poses: int = 10  # per view
    junk: float = 0.04  # share of pictures spoilt
    plain: float = 0.1  # share of views without any disturbance of the look
    random_seed: int = 1
    label: LabelConfig = field(default_factory=LabelConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)

    @property
    def per_track(self) -> int:
        return self.views * self.poses

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.tracks)

    def name(self) -> str:
        """Short name that changes with any part of the configuration."""
        text = json.dumps([FORMAT, asdict(self)], sort_keys=True, default=float)
        mark = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{self.first_seed}-{self.tracks}x{self.per_track}-{mark}"


class Block(NamedTuple):
    """All pictures of one track with what is known about them."""

    pictures: np.ndarray
    labels: np.ndarray
    about: np.ndarray


def draw_track(seed: int, config: DataConfig) -> Block:
    """Render and label every picture of one track."""
    cv2.setNumThreads(1)
    random = np.random.default_rng([config.random_seed, seed])
    track = generate(seed)
    scenery = Scenery(track, seed=seed)
    count = config.per_track
    block = Block(
        np.empty((count, PICTURE_PX, PICTURE_PX, 3), np.uint8),
        np.empty((count, 5), np.float32),
        np.empty((count, len(ABOUT)), np.float32),
    )
    for view in range(config.views):
        part = slice(view * config.poses, (view + 1) * config.poses)
        draw_view(random, track, scenery, config, Block(*(array[part] for array in block)))
    return block


def draw_view(
    random: np.random.Generator, track: Track, scenery: Scenery, config: DataConfig, out: Block
) -> None:
    """Fill `out` with pictures through one camera in one light."""
    camera = draw_camera(random, config.camera)
    plain = random.random() < config.plain
    look = Look.plain() if plain else Look.random(random)
    renderer = Renderer(scenery, camera, look, seed=int(random.integers(1 << 31)))
    for index in range(config.poses):
        moment = draw_moment(random, track, config.pose)
        picture = renderer.frame(
            *moment.pose, moment.speed_mps, moment.yaw_rate_rps, moment.steering_rad
        )
        truth = label(track, camera, moment.pose, config.label)
        junk = random.random() < config.junk
        if junk:
            picture = spoil(picture, random)
            truth = np.array([0.0, 0.0, 0.0, 0.0, 1.0], np.float32)
        out.pictures[index] = cv2.resize(picture, (PICTURE_PX, PICTURE_PX), interpolation=cv2.INTER_AREA)
        out.labels[index] = truth
        out.about[index] = about(track, moment.pose, camera == SIM_CAMERA, plain, junk)


def about(
    track: Track, pose: Tuple[float, float, float], exact: bool, plain: bool, junk: bool
) -> Tuple[float, ...]:
    """One row of `about.npy`."""
    place = track.locate(pose[0], pose[1])
    lateral = place.lateral_m / track.half_width_m
    return track.seed, lateral, wrapped(pose[2] - place.heading_rad), place.curvature, exact, plain, junk


def generate_blocks(config: DataConfig, processes: int) -> Iterator[Block]:
    """Blocks in the order of the seeds, made by that many processes."""
    if processes <= 1:
        yield from (draw_track(seed, config) for seed in config.seeds)
        return
    with workers(processes) as pool:
        yield from pool.map(draw_track, config.seeds, [config] * config.tracks)


def silent(done: int, of: int) -> None:
    """Progress that nobody watches."""


def make(
    config: DataConfig, root: Path, processes: int = 2, progress: Callable[[int, int], None] = silent
) -> Path:
    """The data set's folder under `root`, generated first if it is not there yet whole."""
    folder = Path(root) / config.name()
    if (folder / "data.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    arrays = open_arrays(folder, config)
    digest = hashlib.sha256()
    for index, block in enumerate(generate_blocks(config, processes)):
        part = slice(index * config.per_track, (index + 1) * config.per_track)
        for array, values in zip(arrays, block):
            array[part] = values
            digest.update(values.tobytes())
        progress(index + 1, config.tracks)
    for array in arrays:
        array.flush()
    frames = config.tracks * config.per_track
    told = {"config": asdict(config), "sha256": digest.hexdigest(), "frames": frames}
    (folder / "data.json").write_text(json.dumps(told, indent=1, default=float) + "\n", encoding="utf-8")
    return folder


def open_arrays(folder: Path, config: DataConfig) -> Block:
    """Empty arrays on disk, the size of the whole data set."""
    count = config.tracks * config.per_track

    def create(name: str, shape: Tuple[int, ...], kind: type) -> np.ndarray:
        return np.lib.format.open_memmap(folder / name, mode="w+", dtype=kind, shape=(count, *shape))

    return Block(
        create("pictures.npy", (PICTURE_PX, PICTURE_PX, 3), np.uint8),
        create("labels.npy", (5,), np.float32),
        create("about.npy", (len(ABOUT),), np.float32),
    )


@dataclass(frozen=True)
class RoadData:
    """A data set as read back; pictures stay on disk until they are used."""

    folder: Path
    pictures: np.ndarray
    labels: np.ndarray
    about: np.ndarray
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def open(cls, folder: Path) -> RoadData:
        folder = Path(folder)
        told = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        pictures = np.load(folder / "pictures.npy", mmap_mode="r")
        labels, about = (np.load(folder / f"{name}.npy") for name in ("labels", "about"))
        return cls(folder, pictures, labels, about, told["sha256"])
