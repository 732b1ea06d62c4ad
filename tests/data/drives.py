"""Steps as a drive makes them, and sessions made of them."""
from __future__ import annotations

from typing import Any, List, Optional

import numpy as np

from jetracer.core.clock import FakeClock
from jetracer.core.types import AUTOMATIC, Aim, Command, Decision, Detection, Frame, Pilot, Scene, Step, Stop
from jetracer.data.log import RecordConfig
from jetracer.data.recorder import Recorder
from jetracer.data.writer import Attachment

PERIOD_S = 1 / 60
CONFIG = RecordConfig(keep_free_mb=0.0)  # whatever the disk of the tests


def step(seq: int, t_s: Optional[float] = None, size: int = 32, record: bool = False, undo: bool = False
         ) -> Step:
    """A step whose picture is all of the grey `seq`."""
    t_s = 100.0 + seq * PERIOD_S if t_s is None else t_s
    image = np.full((size, size, 3), seq % 256, np.uint8)
    return Step(
        Frame(image, t_s - 0.004, seq),
        Scene(t_s - 0.004, Aim(0.25, -0.1), (Detection("cone", 0.5, (0.0, 0.25, 0.5, 1.0)),), 0.75),
        Pilot(Command(0.1, 0.2), True, False, AUTOMATIC, t_s - 0.01, True, record, undo), Command(0.5, 0.25),
        Decision(Command(0.4, 0.2), (Stop("slew", "smoothed"),), True, t_s + 0.002), t_s,
        {"perceive": 0.004, "decide": 0.001, "guard": 0.002},
    )  # fmt: skip


def record(path: Any, steps: List[Step], config: RecordConfig = CONFIG, **options: Any) -> Any:
    """Write a finished session; returns how its recording went."""
    clock = FakeClock()
    recorder = Recorder(path, config, clock=clock, **options)
    for one in steps:
        recorder(one)
    return recorder.close()


ATTACHED = (Attachment("config.toml", "application/toml", b'road = "road"\n[camera]\nwidth = 224\n'),
            Attachment("model.json", "application/json", b'{"name": "road"}'))
