"""Pictures that are worth a label, from drives in simulation (DAgger: Ross, Gordon and Bagnell 2011, arXiv:1011.0686).

A trip is one drive in lockstep on a track that is seen once and never again, in a light of its own. At first the expert
drives, and now and then a disturbance takes the wheel from it, so that there is something to put right. Later the model
drives, and the frames are those where it was unsure (its confidence, and how far the answer to the mirrored picture is
from the mirrored answer) or off its line. Choosing asks for no label; only what is chosen is labelled, by geometry.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, NamedTuple, Tuple

import cv2
import numpy as np

from jetracer.camera.geometry import SIM_CAMERA
from jetracer.core.types import Aim, Frame, Scene
from jetracer.drive.doubt import doubt, most_urgent
from jetracer.drive.episode import EpisodeConfig, run_episode
from jetracer.drive.oracle import Oracle, PoseRenderer
from jetracer.engine.load import load_engine
from jetracer.perception.base import Perception
from jetracer.perception.road import RoadFollower
from jetracer.sim.look import Look
from jetracer.sim.render import Renderer
from jetracer.sim.scenery import Scenery
from jetracer.sim.track import Track, generate
from jetracer.train.labels import LabelConfig, label

LABEL = LabelConfig()
STARTING_S = 0.7  # until the motor controller is armed the car stands
OFF_LINE = 0.4  # half widths beside the centre line from which on a frame is worth more

Moment = Tuple[float, ...]  # what Renderer.frame takes: pose, speed, yaw rate, steering


@dataclass(frozen=True)
class Trip:
    """`road`: the model's file that drives; empty: the expert, disturbed. `frames`: labels at most."""

    seed: int  # of the track
    road: str = ""
    seconds: float = 6.0
    frames: int = 1


class Found(NamedTuple):
    """A labelled frame: picture (224,224,3) uint8 BGR, label (5,) as `labels.py` makes it, why it was worth it."""

    picture: np.ndarray
    label: np.ndarray
    urgency: float


def travel(trip: Trip) -> List[Found]:
    """Drive one trip and label the frames that are most worth it."""
    cv2.setNumThreads(1)
    track, random = generate(trip.seed), np.random.default_rng([trip.seed, 0xDA66E2])
    scenery, light = Scenery(track), Look.random(random)
    seconds = trip.seconds if trip.road else float(random.uniform(STARTING_S + 0.3, trip.seconds))
    if trip.road:
        watched = Watched(track, Renderer(scenery, SIM_CAMERA, light, seed=trip.seed))
        with load_engine(trip.road) as engine:
            run_episode(track, trip.seed, Doubting(RoadFollower(engine), watched), watched, EpisodeConfig(seconds))
        chosen = most_urgent(watched.urgency, watched.times_s, trip.frames)
    else:
        watched = Watched(track, PoseRenderer())
        run_episode(track, trip.seed, Disturbed(track, random), watched, EpisodeConfig(seconds))
        chosen = [len(watched.moments) - 1]
    draw = Renderer(scenery, SIM_CAMERA, light, seed=trip.seed + 1)
    return [Found(draw.frame(*watched.moments[at]), label(track, SIM_CAMERA, watched.moments[at][:3], LABEL),
                  watched.urgency[at] if trip.road else 0.0) for at in chosen]


class Watched:
    """In place of a renderer: notes every moment that a picture is taken of, and how far off its line the car is."""

    def __init__(self, track: Track, renderer: Any) -> None:
        self._track, self._renderer = track, renderer
        self.moments: List[Moment] = []
        self.urgency: List[float] = []
        self.times_s: List[float] = []

    def frame(self, *moment: float) -> np.ndarray:
        self.times_s.append(len(self.times_s) / EpisodeConfig.fps)
        self.moments.append(moment)
        lateral = abs(self._track.locate(moment[0], moment[1]).lateral_m) / self._track.half_width_m
        self.urgency.append(max(0.0, lateral - OFF_LINE) if self.times_s[-1] > STARTING_S else -np.inf)
        return self._renderer.frame(*moment)


class Doubting(Perception):
    """The model, and to each frame's urgency how much it doubts itself."""

    def __init__(self, road: RoadFollower, watched: Watched) -> None:
        self._road, self._watched = road, watched

    def perceive(self, frame: Frame) -> Scene:
        scene, doubted = doubt(self._road, frame.image, frame.t_s)
        self._watched.urgency[-1] += doubted
        return scene


class Disturbed(Perception):
    """The expert, who knows the track; for some tenths of a second now and then the aim is beside what it says."""

    EVERY_S, LASTS_S, ASIDE = 1.5, (0.2, 0.6), 0.9  # mean time between two, how long, how far (aim x)

    def __init__(self, track: Track, random: np.random.Generator) -> None:
        self._expert, self._random = Oracle(track, SIM_CAMERA), random
        self._until_s, self._aside = 0.0, 0.0

    def perceive(self, frame: Frame) -> Scene:
        scene = self._expert.perceive(frame)
        if frame.t_s > self._until_s:
            self._aside = 0.0
            if self._random.random() < 1.0 / (self.EVERY_S * EpisodeConfig.fps):
                self._until_s = frame.t_s + self._random.uniform(*self.LASTS_S)
                self._aside = self._random.uniform(-self.ASIDE, self.ASIDE)
        if scene.aim is None or not self._aside:
            return scene
        return Scene(scene.t_s, Aim(float(np.clip(scene.aim.x + self._aside, -1.0, 1.0)), scene.aim.y), (), 1.0)
