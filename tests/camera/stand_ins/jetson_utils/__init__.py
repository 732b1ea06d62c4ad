"""Stands for dusty-nv's jetson_utils: its names, arguments, returns and errors, without GPU and camera."""
# ruff: noqa: N801, N802, N803
from __future__ import annotations

import numpy as np

BUFFERS = 2  # of the ring: a picture not copied is overwritten soon


class cudaImage:
    def __init__(self, width, height, format, mapped=True, memory=None, timestamp=0):
        if format != "rgb8":
            raise Exception(f"format {format} is not of this stand-in")
        self.width, self.height, self.format, self.mapped, self.timestamp = width, height, format, mapped, timestamp
        self.shape = (height, width, 3)
        self._memory = np.zeros(self.shape, np.uint8) if memory is None else memory


class videoSource:
    last = None

    def __init__(self, uri="", argv=None, positionArg=-1):
        if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
            raise Exception("jetson.utils -- videoSource.__init()__ failed to parse args tuple")
        if "nowhere" in uri:
            raise Exception("jetson.utils -- failed to create videoSource device")
        options = dict(word.lstrip("-").split("=") for word in argv)
        self.uri, self.options = uri, options
        width, height = int(options["input-width"]), int(options["input-height"])
        self._ring = [np.zeros((height, width, 3), np.uint8) for _ in range(BUFFERS)]
        self._streaming, self.mapped, self.left, self.count = False, True, None, 0
        self.timestamp, self.silent, self.old = 0, False, False
        videoSource.last = self

    def Open(self):
        if "busy" in self.uri:
            raise Exception("jetson.utils -- failed to open videoSource device for streaming")
        self._streaming = True

    def Close(self):
        self._streaming = False

    def IsStreaming(self):
        return self._streaming

    def Capture(self, format="rgb8", timeout=1000):
        if not isinstance(timeout, int):
            raise Exception("jetson.utils -- videoSource.Capture() failed to parse args tuple")
        if self.silent:
            if self.old:
                raise Exception("jetson.utils -- videoSource failed to capture image")
            return None
        if self.left == 0:
            self._streaming = False
        if not self._streaming:
            raise Exception("jetson.utils -- videoSource failed to capture image")
        self.left = None if self.left is None else self.left - 1
        memory = self._ring[self.count % BUFFERS]
        memory[:] = (200, 100, self.count % 50)  # red, green, blue
        self.count += 1
        image = cudaImage(memory.shape[1], memory.shape[0], format, self.mapped, memory, self.timestamp)
        return image


def cudaDeviceSynchronize():
    _synchronized.append(True)


def cudaToNumpy(image):
    if not image.mapped:
        raise Exception("jetson.utils -- cudaToNumpy() needs mapped memory")
    if not _synchronized:
        raise AssertionError("read before the GPU had written")
    _synchronized.clear()
    return image._memory


def cudaAllocMapped(width, height, format):
    return cudaImage(width, height, format)


def cudaMemcpy(dst, src):
    dst._memory[:] = src._memory


_synchronized = []
