"""Ranges: equal to ONNX Runtime's where it does the same, to brute force where it does not."""
from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[train]'")

from jetracer.core.errors import ConfigError, DataError, ModelError, UnknownName  # noqa: E402
from jetracer.optimize.int8.calibrators import calibrate, entropy_bins, finder, mse, percentile  # noqa: E402
from jetracer.optimize.int8.graph import tidy  # noqa: E402
from jetracer.optimize.int8.histogram import HALF, Histogram  # noqa: E402
from jetracer.optimize.int8.scheme import watched  # noqa: E402
from tests.optimize.int8.nets import Net, bytes_in, pictures, residual_net  # noqa: E402


def histogram_of(*parts):
    seen = Histogram()
    for part in parts:
        seen.add(np.asarray(part, np.float32))
    return seen


class Reader:
    """Frames as ONNX Runtime's calibrators want them."""

    def __init__(self, frames):
        self.left = [{"image": frame[None]} for frame in frames]

    def get_next(self):
        return self.left.pop(0) if self.left else None


def onnx_runtime_ranges(model, frames, method, folder):
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    path = folder / "model.onnx"
    onnx.save(tidy(model), str(path))
    options = {} if method == CalibrationMethod.MinMax else {
        "num_bins": 2 * HALF, "percentile": 99.0, "symmetric": False}
    calibrator = create_calibrator(path, calibrate_method=method, extra_options=options,
                                   augmented_model_path=str(folder / "augmented.onnx"))
    calibrator.collect_data(Reader(frames))
    found = calibrator.compute_data()
    return {name: tuple(float(np.ravel(one)[0]) for one in found[name].range_value) for name in found.data}


def test_minmax_is_that_of_onnx_runtime(tmp_path):
    from onnxruntime.quantization.calibrate import CalibrationMethod

    model, frames = residual_net(), pictures(8)
    theirs = onnx_runtime_ranges(model, frames, CalibrationMethod.MinMax, tmp_path)
    ours = calibrate(model, (frame[None] for frame in frames), "minmax").ranges
    assert set(ours) == set(watched(tidy(model))) and len(ours) >= 12
    for name, found in ours.items():
        assert found == pytest.approx(theirs[name], rel=1e-5, abs=1e-6), name


def test_percentile_is_that_of_onnx_runtime_but_for_the_width_of_a_bin(tmp_path, capsys):
    from onnxruntime.quantization.calibrate import CalibrationMethod

    model, frames = residual_net(), pictures(8)
    theirs = onnx_runtime_ranges(model, frames, CalibrationMethod.Percentile, tmp_path)
    ours = calibrate(model, (frame[None] for frame in frames), "percentile:99").ranges
    everything = calibrate(model, (frame[None] for frame in frames), "minmax").ranges
    cut = 0
    for name, found in ours.items():
        bin_width = 4 * everything[name].most / HALF
        assert found == pytest.approx(theirs[name], abs=bin_width), name
        cut += found.most < everything[name].most - bin_width
    assert cut >= 8  # else it would have been no test of a percentile


@pytest.mark.parametrize("kept", [50.1, 90.0, 99.0, 99.9, 100.0])
def test_percentile_is_that_of_the_sorted_values(kept):
    values = np.random.default_rng(3).standard_t(4, 20_000).astype(np.float32)
    seen = histogram_of(*np.split(values, 20))
    tail = (100.0 - kept) / 2.0
    wanted = np.percentile(values, [tail, 100.0 - tail], method="inverted_cdf")
    assert percentile(seen, kept) == pytest.approx(wanted, abs=2 * seen.width)


def brute_force(counts):
    """The published algorithm, word for word, bin by bin (s7310, "Entropy Calibration - pseudocode")."""
    counts = [float(count) for count in counts]
    counts[0] = counts[1]
    best, chosen = np.inf, None
    for i in range(128, len(counts) + 1):
        reference = counts[:i]
        reference[i - 1] += sum(counts[i:])
        level = [j * 128 // i for j in range(i)]
        candidate = [0.0] * i
        for number in range(128):
            members = [j for j in range(level.index(number), i) if level[j] == number and counts[j] > 0]
            for j in members:
                candidate[j] = sum(counts[k] for k in members) / len(members)
        p, q, loss = np.array(reference) / sum(reference), np.array(candidate) / sum(candidate), 0.0
        for one, other in zip(p, q):
            if one > 0:
                loss += one * np.log(one / other) if other > 0 else np.inf
        if loss <= best:
            best, chosen = loss, i
    return chosen


@pytest.mark.parametrize("seed", range(4))
def test_entropy_threshold_is_that_of_a_brute_force_search(seed):
    random = np.random.default_rng(seed)
    values = np.abs([random.normal(0, 1, 4000), random.standard_t(3, 4000), random.exponential(1, 4000),
                     np.maximum(0, random.normal(0, 1, 4000))][seed])
    counts = np.histogram(values, 200, (0.0, values.max()))[0]
    counts[150:160] = 0  # a gap
    assert entropy_bins(counts) == brute_force(counts)


def test_entropy_has_real_bins_and_cuts_a_long_tail():
    random = np.random.default_rng(5)
    values = np.concatenate([random.normal(0, 1, 200_000), [60.0]])
    seen = histogram_of(values)
    counts, _ = seen.folded()
    assert len(counts) >= 2048
    found = finder("entropy")(seen)
    assert 2.0 < found.most < 30.0


def test_mse_has_no_better_cut():
    values = np.random.default_rng(6).standard_t(3, 30_000).astype(np.float32)
    found = mse(histogram_of(values)).most

    def error(cut):
        return np.mean((np.clip(np.rint(values / cut * 127), -127, 127) * cut / 127 - values) ** 2)

    best = min(np.linspace(np.abs(values).max() / 200, np.abs(values).max(), 2000), key=error)
    assert error(found) <= 1.02 * error(best)


def test_a_histogram_in_parts_is_that_of_the_whole():
    values = np.random.default_rng(7).normal(0, 3, 50_000).astype(np.float32)
    parts = histogram_of(values[:10] * 0.01, *np.split(values, 50))
    counted = np.histogram(np.concatenate([values[:10] * 0.01, values]), parts.edges)[0]
    assert parts.counts.sum() == len(values) + 10
    assert np.abs(np.cumsum(parts.counts) - np.cumsum(counted)).max() <= 0.002 * len(values)
    assert (parts.low, parts.high) == (values.min(), values.max())
    assert len(parts.folded()[0]) >= HALF // 2


def test_a_tensor_of_zeros_has_a_range():
    assert finder("percentile")(histogram_of(np.zeros(9))) == (0.0, 0.0)
    assert finder("entropy")(histogram_of(np.zeros(9), np.zeros(3))) == (0.0, 0.0)


@pytest.mark.parametrize(("method", "error", "text"), [
    ("percentle", UnknownName, "did you mean 'percentile'"),
    ("percentile:x", ConfigError, "percentile:99.99"),
    ("percentile:20", ConfigError, "percentile:99.99"),
    ("mse:9", ConfigError, "makes no sense"),
])
def test_a_wrong_method_is_told(method, error, text):
    with pytest.raises(error, match=text):
        finder(method)


def test_without_frames_and_with_broken_ones_it_says_so():
    with pytest.raises(DataError, match="no frame to calibrate with"):
        calibrate(residual_net(), [])
    net = Net()
    net.node("Log", [bytes_in(net, mean=None)], "log")
    net.conv("log", "out", 3, 2)
    with pytest.raises(ModelError, match="'log' holds a value that is not finite"):
        calibrate(net.model({"out": (1, 2, 16, 16)}), [np.zeros((1, 16, 16, 3), np.uint8)])
