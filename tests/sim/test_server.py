"""The world as a process of its own: real time, real sockets, real kills."""
from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jetracer.sim.board import Board
from jetracer.sim.camera import BOARD, SOCKET, TRUTH
from jetracer.sim.referee import Truth

from .running import QUICK, SERVER, START_S, Running, wait_for
from .wheel import Wheel


def test_registers_move_the_car_and_the_truth_is_written_down(world):
    board, shared = Board.attach(str(world.folder / BOARD)), world.shared()
    wheel = Wheel(board)
    start_s = time.monotonic()
    wait_for(lambda: time.monotonic() > start_s + 0.4, world.process)
    wheel.pulses(1500, 1700)
    wait_for(lambda: shared.truth().speed_mps > 0.5, world.process, 5.0)
    truth = shared.truth()
    assert truth.t_s == pytest.approx(time.monotonic(), abs=0.5)
    assert truth.distance_m > 0.0
    assert board.bus().read_word_data(0x41, 0x02) != 0
    assert world.end() == 0
    with open(world.folder / TRUTH, newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    rows = [Truth.of(map(float, line)) for line in lines]
    assert tuple(header) == Truth._fields
    steps_s = np.diff([row.t_s for row in rows])
    assert np.median(steps_s) == pytest.approx(0.02, abs=0.004)
    assert rows[-1].speed_mps > 0.3
    assert rows[-1].survived is True
    assert not (world.folder / SOCKET).exists()
    board.close()
    shared.close()


def test_it_prints_nothing_and_ends_when_its_parent_dies(folder):
    code = """
import subprocess, sys
world = subprocess.Popen(sys.argv[1:])
print(world.pid, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, *SERVER, "--dir", str(folder), *QUICK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        wait_for((folder / SOCKET).exists, parent)
        parent.kill()
        assert parent.stdout.read() == b""  # ends when the world has closed it too
        assert parent.stderr.read() == b""
    wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
    assert not (folder / SOCKET).exists()


def test_an_orphan_does_not_even_start(folder):
    command = [*SERVER, "--dir", str(folder), *QUICK, "--parent", "1"]
    assert subprocess.run(command, capture_output=True, timeout=START_S).returncode == 0
    assert not (folder / SOCKET).exists()


@pytest.mark.parametrize(("own_group", "ends"), [(True, True), (False, False)])
def test_ctrl_c_is_for_the_leader_of_the_group(folder, own_group, ends):
    with Running(folder, new_group=own_group) as world:
        world.process.send_signal(signal.SIGINT)
        if ends:
            assert world.process.wait(5) == 0
        else:
            with world.camera() as camera:
                camera.read(1.0)
                camera.read(1.0)


@pytest.mark.parametrize(
    ("option", "said"),
    [(["--fault", "frozn@1"], b"did you mean 'frozen'"), (["--fps", "0"], b"choose one like 30")],
)
def test_options_that_make_no_sense_are_told_in_one_line(folder, option, said):
    result = subprocess.run([*SERVER, "--dir", str(folder), *QUICK, *option], capture_output=True, timeout=START_S)
    assert result.returncode == 1
    assert said in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_a_folder_with_too_long_a_path_is_told(folder):
    deep = folder / ("d" * 100)
    result = subprocess.run([*SERVER, "--dir", str(deep), *QUICK], capture_output=True, timeout=START_S)
    assert result.returncode == 1
    assert b"a shorter path" in result.stderr


def test_it_starts_again_where_one_was_killed(folder):
    with Running(folder) as first:
        first.process.kill()
        first.process.wait()
        (folder / SOCKET).unlink()
        with Running(folder) as second, second.camera() as camera:
            assert camera.read(1.0).seq < 200


def test_the_real_scenery_is_ready_soon_and_drawn_small(folder):
    pytest.importorskip("cv2")
    options = ["--look", "plain", "--ppm", "64", "--width", "32", "--height", "24"]
    with Running(folder, *options) as world, world.camera() as camera:
        image = camera.read(1.0).image
    assert image.shape == (24, 32, 3)
    assert image.std() > 5
