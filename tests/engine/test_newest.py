"""CUDA graphs, and a GPU that works while the loop goes on: through every adapter, and by a driver made of Python."""
from __future__ import annotations

import ctypes

import numpy as np
import pytest

from jetracer.core.errors import ModelError
from jetracer.engine.cuda import Cuda
from jetracer.engine.newest import Newest
from jetracer.engine.tensorrt_native import Execution

from .fake_cuda import FakeCuda
from .fake_tensorrt import VERSIONS
from .test_engine_file import made
from .test_tensorrt import built
from .tiny_models import HEIGHT, WIDTH


def picture(level):
    return np.full((1, HEIGHT, WIDTH, 3), level, np.uint8)


@pytest.fixture(params=VERSIONS)
def execution(request, tmp_path):
    cuda = FakeCuda()
    adapter, _, plan = built(request.param, tmp_path, cuda)
    with Execution(adapter, cuda, plan.plan) as execution:
        execution.cuda = cuda
        yield execution


def test_a_run_is_one_launch_of_a_graph(execution):
    assert execution.captured and execution.cuda.launched == 0
    for level in (0, 51, 255):
        np.copyto(execution.host["image"], picture(level))
        assert execution.run()["aim"][0, 0] == pytest.approx(level / 255)
    assert execution.cuda.launched == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_where_nothing_can_be_captured_it_runs_as_before(version, tmp_path):
    cuda = FakeCuda()
    cuda.graphs = False
    adapter, _, plan = built(version, tmp_path, cuda)
    with Execution(adapter, cuda, plan.plan) as execution:
        assert not execution.captured
        np.copyto(execution.host["image"], picture(51))
        assert execution.run()["aim"][0, 0] == pytest.approx(0.2)
    assert cuda.launched == 0


def test_the_stand_in_refuses_a_capture_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.setattr(Execution, "run", lambda self: {})
    cuda = FakeCuda()
    adapter, _, plan = built("10.3.0.26", tmp_path, cuda)
    with Execution(adapter, cuda, plan.plan) as execution:
        assert not execution.captured


def test_the_newest_picture_wins_and_nobody_waits(execution):
    newest = Newest(execution, "image")
    assert newest.answer() is None
    newest.offer(picture(51), "first")
    newest.offer(picture(102), "second")
    newest.offer(picture(255), "third")
    assert newest.dropped == 1 and newest.answer() is None
    execution.cuda.catch_up()
    mark, answer = newest.answer()
    assert mark == "first" and answer["aim"][0, 0] == pytest.approx(0.2), "read while the next was already offered"
    assert newest.answer() is None
    execution.cuda.catch_up()
    mark, answer = newest.answer()
    assert mark == "third" and answer["aim"][0, 0] == pytest.approx(1.0)
    assert newest.answer() is None


def test_one_that_waited_gives_way_to_one_that_comes_when_the_gpu_is_free(execution):
    newest = Newest(execution, "image")
    newest.offer(picture(0), 1)
    newest.offer(picture(51), 2)
    execution.cuda.catch_up()
    newest.offer(picture(102), 3)
    execution.cuda.catch_up()
    assert newest.answer()[0] == 3 and newest.dropped == 1


def test_an_offered_picture_may_be_written_over(execution):
    newest = Newest(execution, "image")
    frame = picture(0)
    for level in (51, 102):
        frame[:] = level
        newest.offer(frame, level)
    frame[:] = 7
    for level in (51, 102):
        execution.cuda.catch_up()
        assert newest.answer()[1]["aim"][0, 0] == pytest.approx(level / 255)


def test_an_engine_gives_it(tmp_path):
    engine = made(tmp_path, "10.3.0.26")
    with pytest.raises(ModelError, match="not open"):
        engine.newest()
    with engine:
        newest = engine.newest()
        newest.offer(picture(255))
        engine._cuda.catch_up()
        assert newest.answer()[1]["aim"][0, 0] == pytest.approx(1.0)


class Driver:
    """libcuda's graphs, strict about their order; functions that a version lacks are not there."""

    def __init__(self, lacks=(), fails=()):
        self.calls, self._lacks, self._fails, self._captures, self._query = [], lacks, fails, False, 0

    def __getattr__(self, name):
        if not name.startswith("cu") or name in self._lacks:
            raise AttributeError(name)
        return lambda *arguments: self._called(name, arguments)

    def _called(self, name, arguments):
        self.calls.append(name)
        if name == "cuGetErrorString":
            return 0
        if name in self._fails:
            return 900
        if name == "cuStreamBeginCapture_v2":
            self._captures = True
        if name == "cuStreamEndCapture":
            assert self._captures
            self._captures = False
            ctypes.cast(arguments[1], ctypes.POINTER(ctypes.c_void_p))[0] = 0x9
        if name.startswith("cuGraphInstantiate"):
            assert len(arguments) == (3 if name.endswith("WithFlags") else 5)
        return self._query if name == "cuStreamQuery" else 0


def opened(driver):
    cuda = Cuda()
    cuda._library = driver
    return cuda


@pytest.mark.parametrize("lacks, how", [
    ((), "cuGraphInstantiateWithFlags"), (("cuGraphInstantiateWithFlags",), "cuGraphInstantiate"),
])
def test_a_graph_is_made_launched_and_freed(lacks, how):
    driver = Driver(lacks)
    cuda = opened(driver)
    graph = cuda.capture(lambda: driver.calls.append("work"))
    assert driver.calls == ["cuStreamBeginCapture_v2", "work", "cuStreamEndCapture", how, "cuGraphDestroy"]
    cuda.launch(graph)
    cuda.close()
    assert driver.calls[5:7] == ["cuGraphLaunch", "cuGraphExecDestroy"]


@pytest.mark.parametrize("lacks, fails", [
    (("cuStreamBeginCapture_v2",), ()), ((), ("cuStreamBeginCapture_v2",)), ((), ("cuStreamEndCapture",)),
    ((), ("cuGraphInstantiateWithFlags",)), (("cuGraphInstantiateWithFlags", "cuGraphInstantiate"), ()),
])
def test_a_driver_that_cannot_is_no_error(lacks, fails):
    assert opened(Driver(lacks, fails)).capture(lambda: None) is None


def test_a_capture_ends_when_what_it_holds_is_refused():
    driver = Driver()

    def refused():
        raise ModelError("not within a capture")

    assert opened(driver).capture(refused) is None and "cuStreamEndCapture" in driver.calls


def test_idle_busy_and_broken():
    driver = Driver()
    cuda = opened(driver)
    for result, idle in ((0, True), (600, False)):
        driver._query = result
        assert cuda.idle is idle
    driver._query = 700
    with pytest.raises(ModelError, match=r"refused cuStreamQuery:  \(error 700\)"):
        _ = cuda.idle
