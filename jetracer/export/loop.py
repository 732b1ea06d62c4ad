"""From nothing to a model that drives, by few labels: drive, label what was unsure or off, learn, evaluate, again.

    folder/model.onnx   the best model; drives: jetracer drive --sim --road folder/model.onnx
    folder/round1.onnx  the model of each round
    folder/frames/      every frame that was labelled, a set that `jetracer data` reads; tags: the round
    folder/loop.json    what each round cost and brought

It ends when a model drives all validation tracks faultlessly, or when frames or minutes are used up. Only then is the
best of them driven, once, on tracks that were neither learnt nor chosen on.
"""
from __future__ import annotations

import hashlib
import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import cv2
import torch
from torch import nn

from jetracer.core.config import write_text
from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim
from jetracer.core.workers import workers
from jetracer.data.formats.base import write
from jetracer.data.picture import Picture
from jetracer.data.sample import Sample
from jetracer.drive.episode import EpisodeConfig
from jetracer.drive.evaluate import EvaluationConfig, evaluate
from jetracer.engine.card import ModelCard, ModelInput, write_card
from jetracer.export.onnx import export_road
from jetracer.models.road_net import PIXEL_MEAN, PIXEL_SCALE, RoadNet, parameters
from jetracer.sim.track import EVALUATION_FIRST_SEED, TRAINING_SEEDS, VALIDATION_SEEDS
from jetracer.train.amp import bfloat16_pays
from jetracer.train.collect import Found, Trip, travel
from jetracer.train.config import TrainConfig
from jetracer.train.progress import Bar, Say
from jetracer.train.refine import Frames, refine

MODEL, FRAMES, SUMMARY = "model.onnx", "frames", "loop.json"
RESERVE = 0.08  # of all minutes, for the evaluation of a round, until one was timed
SPARE = 1.5  # trips driven for each that is labelled: the most urgent are taken


def for_the_loop() -> TrainConfig:
    """Small batches, strong decay; one thread, for the other core makes the pictures."""
    return TrainConfig(epochs=1, batch=64, weight_decay=0.05, average_decay=0.995,
                       amp="bf16" if bfloat16_pays() else "fp32")


@dataclass(frozen=True)
class LoopConfig:
    frames: int = 500  # labelled, in all rounds together
    minutes: float = 10.0  # wall time of all rounds together
    rounds: int = 2
    first: float = 0.6  # share of the frames labelled in the first round, in which the expert drives
    per_trip: int = 2  # most frames of one drive of the model
    trip_s: float = 6.0
    steps: int = 2000  # batches learnt from in each round
    validation_tracks: int = 20  # one episode on each
    validation_s: float = 30.0  # of it: two laps
    enough: float = 1.0  # share of faultless ones at which it ends early
    tracks: int = 10  # unseen ones at the end, one episode on each
    duration_s: float = 60.0  # of it
    passes: float = 0.9  # share of faultless ones from which on a model passes
    workers: int = 2
    seed: int = 1
    train: TrainConfig = field(default_factory=for_the_loop)

    def __post_init__(self) -> None:
        counts = ("frames", "rounds", "per_trip", "steps", "validation_tracks", "tracks", "workers")
        if min(getattr(self, name) for name in counts) < 1:
            raise ConfigError(f"{', '.join(counts)} are 1 or more.")
        if not (0.0 < self.first <= 1.0 and 0.0 <= self.passes <= 1.0 and 0.0 <= self.enough <= 1.0):
            raise ConfigError("first lies above 0 and up to 1, passes and enough between 0 and 1.")
        if not (min(self.minutes, self.validation_s, self.duration_s) > 0.0 and self.trip_s >= 1.0):
            raise ConfigError("minutes, validation_s and duration_s are above 0, trip_s is 1 or more.")

    def budget(self, number: int) -> int:
        """How many frames round `number`, from 0, may have labelled."""
        if self.rounds == 1:
            return self.frames
        first = max(1, round(self.first * self.frames))
        return first if number == 0 else (self.frames - first) // (self.rounds - 1)


@contextmanager
def _workers(count: int) -> Iterator[Callable[..., Iterator[List[Found]]]]:
    """`map`, by that many processes."""
    if count == 1:
        yield map
        return
    with workers(count) as pool:
        yield pool.map


class Loop:
    """One run: the frames so far, the net so far, the rounds so far."""

    def __init__(self, config: LoopConfig, folder: Path, say: Say, live: bool = False) -> None:
        self.config, self.folder, self._say, self._live = config, Path(folder), say, live
        self.found: List[Found] = []
        self.found_in: List[int] = []  # the round of each
        self.rounds: List[Dict[str, Any]] = []
        self._begun_s = time.monotonic()
        self._next_seed = TRAINING_SEEDS.start + 1000 * config.seed
        torch.manual_seed(config.seed)
        self.net: nn.Module = RoadNet()

    @property
    def left_s(self) -> float:
        return 60.0 * self.config.minutes - (time.monotonic() - self._begun_s)

    def run(self, command: str = "") -> Dict[str, Any]:
        """All rounds; JSON-ready: what came of it."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise ConfigError(f"{self.folder} is there already; choose another --out.")
        with _workers(self.config.workers) as travels:
            for number in range(self.config.rounds):
                self.rounds.append(self._round(number, travels, command))
                if self.rounds[-1]["success_rate"] >= self.config.enough or self.left_s <= 0.0:
                    break
        loop_s = time.monotonic() - self._begun_s
        self._keep_frames()
        best = max(self.rounds, key=lambda one: (one["success_rate"], -one["off_track_s"], one["frames"]))
        model = self.folder / MODEL
        shutil.copyfile(best["model"], str(model))
        scores = self._evaluate(model, EVALUATION_FIRST_SEED, self.config.tracks, self.config.duration_s)
        told = {"model": str(model), "frames": len(self.found), "minutes": round(loop_s / 60.0, 2),
                "rounds": self.rounds, "passed": scores["success_rate"] >= self.config.passes, "evaluation": scores,
                "config": asdict(self.config)}
        write_text(self.folder / SUMMARY, json.dumps(told, indent=1) + "\n")
        return told

    def _round(self, number: int, travels: Callable[..., Iterator[List[Found]]], command: str) -> Dict[str, Any]:
        times_s = [time.monotonic()]
        self._collect(number, travels)
        times_s.append(time.monotonic())
        frames = Frames([one.picture for one in self.found], [one.label for one in self.found])
        bar = Bar(self._say, f"round {number + 1}", self._live)
        config = replace(self.config.train, seed=self.config.seed + number)
        clock = self._clock(number, times_s[1] - times_s[0])
        self.net = refine(self.net, frames, config, self.config.steps, bar, clock)
        model = self._model(number)
        export_road(self.net, model)
        write_card(model, self._card(command))
        times_s.append(time.monotonic())
        scores = self._evaluate(model, VALIDATION_SEEDS.start, self.config.validation_tracks, self.config.validation_s)
        times_s.append(time.monotonic())
        took = {name: round(end - start, 1) for name, start, end in
                zip(("collect_s", "learn_s", "evaluate_s"), times_s, times_s[1:])}
        rate = scores["success_rate"]
        self._say(f"round {number + 1}: {len(self.found)} labelled frames, {rate:.0%} of {scores['episodes']} "
                  f"validation episodes faultless, {self.left_s / 60.0:.1f} minutes left\n")
        return {"frames": len(self.found), "success_rate": rate, "off_track_s": scores["off_track_s"]["max"],
                "model": str(model), **took, "validation": scores}

    def _clock(self, number: int, collect_s: float) -> Callable[[], float]:
        """What share has passed of the time that this round may learn for, so that the rounds left get theirs too.

        Collecting the frames of this round took `collect_s`.
        """
        evaluate_s = 1.2 * self.rounds[-1]["evaluate_s"] if self.rounds else 60.0 * RESERVE * self.config.minutes
        left = self.config.rounds - number
        allowed_s = (self.left_s - 2.0 * (left - 1) * collect_s) / left - evaluate_s
        begun_s = time.monotonic()
        return lambda: (time.monotonic() - begun_s) / max(allowed_s, 1e-9)

    def _collect(self, number: int, travels: Callable[..., Iterator[List[Found]]]) -> None:
        """Label the frames of one round: of as many tracks as there are frames, or where the model had most doubt."""
        config, count = self.config, self.config.budget(number)
        drives = count if number == 0 else round(SPARE * count / config.per_trip + 0.5)
        seeds = range(self._next_seed, self._next_seed + drives)
        self._next_seed += drives
        trips = [Trip(seed, str(self._model(number - 1)), config.trip_s, config.per_trip) if number
                 else Trip(seed, "", config.trip_s) for seed in seeds]
        found = [one for some in travels(travel, trips) for one in some]
        self.found += sorted(found, key=lambda one: -one.urgency)[:count]
        self.found_in += [number] * (len(self.found) - len(self.found_in))

    def _model(self, number: int) -> Path:
        return self.folder / f"round{number + 1}.onnx"

    def _evaluate(self, model: Path, first_seed: int, tracks: int, duration_s: float) -> Dict[str, Any]:
        return evaluate(EvaluationConfig(
            str(model), tracks, 1, first_seed, self.config.workers, unseen=first_seed >= EVALUATION_FIRST_SEED,
            episode=EpisodeConfig(duration_s)))

    def _keep_frames(self) -> None:
        samples = []
        for at, (one, number) in enumerate(zip(self.found, self.found_in)):
            aim = Aim(float(one.label[0]), float(one.label[1])) if one.label[2] > 0 else None
            jpeg = cv2.imencode(".jpg", one.picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
            samples.append(Sample(Picture(f"{at:04d}.jpg", load=lambda jpeg=jpeg: jpeg), aim=aim,
                                  tags=(f"round{number + 1}",)))
        write(samples, self.folder / FRAMES, "labelled")

    def _card(self, command: str) -> ModelCard:
        digest = hashlib.sha256(b"".join(one.picture.tobytes() + one.label.tobytes() for one in self.found))
        return ModelCard(
            task="road", name="road", precision="fp32", input=ModelInput(),
            outputs={"aim": "point of the centre line 0.7 m from the rear axle, x right, y down",
                     "confidence": "0 to 1, how sure that the car stands on a lane and looks along it"},
            normalisation={"mean": PIXEL_MEAN, "scale": PIXEL_SCALE, "folded": True},
            trained={"frames": len(self.found), "seeds": [TRAINING_SEEDS.start + 1000 * self.config.seed,
                                                          self._next_seed - 1],
                     "hash": digest.hexdigest(), "parameters": parameters(self.net), "source": "simulation only"},
            created_by=command,
        )  # fmt: skip
