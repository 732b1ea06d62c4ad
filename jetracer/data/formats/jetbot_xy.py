"""JetBot's road following: `xy_<x>_<y>_<uuid>.jpg`, flat in one folder.

Two kinds share the name. Newer notebooks write the click in pixels; older ones the slider as 50 * v + 50, so 0 to
100 whatever the picture's size. A set whose numbers all stay within 100, in larger pictures, is read as the
older kind, and flagged: clicks on a road lie in the lower half, which begins at 112 in JetBot's 224.
"""
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from jetracer.data.formats.xy import NvidiaXY, Size
from jetracer.data.sample import Dataset, Sample, aim_of_click, click_of_aim

PERCENT: Size = (100, 100)


class JetBotXY(NvidiaXY):
    name = "jetbot"
    carries = frozenset(("t_s",))
    pattern = re.compile(r"xy_(-?\d+)_(-?\d+)_(.+)")
    wanted = "xy_<x>_<y>_<id>"

    def read(self, root: Path) -> Dataset:
        data = super().read(root)
        sizes = [sample.picture.size() for sample in data.samples]
        clicks = [click_of_aim(sample.aim, size) for sample, size in zip(data.samples, sizes)]
        if clicks and max(map(max, clicks)) <= 100 and min(map(min, sizes)) > 150:
            data.samples = [replace(sample, aim=aim_of_click(*click, PERCENT)[0])
                            for sample, click in zip(data.samples, clicks)]
            data.flag(".", "no coordinate is above 100: read as JetBot's older kind, 50 * v + 50, not pixels")
        return data

    def folder(self, sample: Sample) -> str:
        return ""

    def stem(self, click: Size) -> str:
        return "xy_%03d_%03d" % click
