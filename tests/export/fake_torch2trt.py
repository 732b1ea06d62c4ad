"""A stand-in of torch2trt 0.4 and 0.5: what it takes, when it asks its calibrator, and what its module saves.

"TensorRT" here knows one range, that of the input, from all calibration pictures or from the cache: what lies beyond is
cut off. Written from torch2trt's documentation and signatures; TensorRT itself reads addresses, and so does this.
"""
from __future__ import annotations

import ctypes
from copy import deepcopy

import numpy as np
import torch
from torch import nn

HEADER = b"TRT-8201-EntropyCalibration2\n"
asked = []  # pictures that calibrated in the last conversion


class Calibrator04:
    """Its own buffers with a batch in front, filled by copies."""

    def __init__(self, inputs, dataset, batch_size=1, algorithm=None):
        self.dataset, self.count = dataset, 0
        self.buffers = [torch.zeros((batch_size, *one.shape), dtype=one.dtype) for one in dataset[0]]

    def get_batch(self, *_args):
        if self.count >= len(self.dataset):
            return []
        for buffer, tensor in zip(self.buffers, self.dataset[self.count]):
            buffer[0].copy_(tensor)
        self.count += 1
        return [buffer.data_ptr() for buffer in self.buffers]

    def read_calibration_cache(self):
        return None

    def write_calibration_cache(self, cache):
        pass


class Calibrator05:
    """Addresses of the data set's own tensors; nothing keeps those alive."""

    def __init__(self, dataset, algorithm=None, cache_file=None, flattener=None):
        self.dataset, self.count, self.cache_file = dataset, 0, cache_file
        assert isinstance(dataset[0], (list, tuple)) and isinstance(dataset[0][0], torch.Tensor)

    def get_batch(self, *_args, **_kwargs):
        if self.count >= len(self.dataset):
            return []
        self.count += 1
        return [tensor.data_ptr() for tensor in self.dataset[self.count - 1]]

    def read_calibration_cache(self, *_args, **_kwargs):
        return None

    def write_calibration_cache(self, cache, *_args, **_kwargs):
        pass  # torch2trt() names no file


DatasetCalibrator = Calibrator05


class Module(nn.Module):
    def __init__(self, net, most):
        super().__init__()
        self.net, self.most = net, most

    def forward(self, image):
        return self.net(image.clamp(-self.most, self.most))

    def state_dict(self):
        return {"engine": bytearray(b"a plan"), "input_names": ["input_0"], "output_names": ["output_0"]}


def _most(calibrator, floats):
    """The greatest value of all calibration pictures, by address, or as the cache has it."""
    cache = calibrator.read_calibration_cache()
    if cache is not None:
        assert cache.startswith(HEADER)
        return float(cache[len(HEADER):])
    most, place = 0.0, calibrator.get_batch(["input_0"])
    while place:
        values = np.frombuffer((ctypes.c_float * floats).from_address(place[0]), np.float32).copy()
        asked.append(values)
        most, place = max(most, float(np.abs(values).max())), calibrator.get_batch(["input_0"])
    calibrator.write_calibration_cache(HEADER + repr(most).encode())
    return most


def torch2trt(module, inputs, fp16_mode=False, int8_mode=False, int8_calib_dataset=None):
    """Only what 0.3 to 0.5 have in common of its arguments."""
    asked.clear()
    assert len(inputs) == 1 and inputs[0].dtype == next(module.parameters()).dtype
    most = float("inf")
    if int8_mode:
        assert inputs[0].dtype == torch.float32
        given = (inputs, int8_calib_dataset) if issubclass(DatasetCalibrator, Calibrator04) else (int8_calib_dataset,)
        most = _most(DatasetCalibrator(*given), inputs[0].numel())
    return Module(deepcopy(module), most)
