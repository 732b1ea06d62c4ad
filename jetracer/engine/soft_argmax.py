"""The soft-argmax aim: the mean place of a heat map, each cell weighted by exp(sharpness * heat).

    heat (N, K, H, W) float32 -> aim (N, K, 2): x, y in [-1, 1], of the middle of the cells; x right, y down

An operator of our own, `SoftArgmaxAim` of the domain "jetracer" with the attribute `sharpness`: a plugin in TensorRT 10
and later (engine/soft_argmax_plugin.py), a function of standard operators everywhere else (graph/soft_argmax.py). Here
are its reference, which all others are tested against, and the plugin's kernel.
Source of the idea: Nibali et al., Numerical coordinate regression with convolutional neural networks (2018), section 3.
"""
from __future__ import annotations

import numpy as np

NAME, VERSION, DOMAIN = "SoftArgmaxAim", "1", "jetracer"
THREADS = 128  # of one block, which sees one map


def soft_argmax(heat: np.ndarray, sharpness: float = 1.0) -> np.ndarray:
    """(N, K, H, W) -> (N, K, 2), by the definition, in float64; returned in the type of `heat`."""
    count, kinds, height, width = heat.shape
    flat = sharpness * heat.astype(np.float64).reshape(count, kinds, height * width)
    weight = np.exp(flat - flat.max(axis=2, keepdims=True))
    weight /= weight.sum(axis=2, keepdims=True)
    grid = weight.reshape(heat.shape)
    x = grid.sum(axis=2) @ middles(width)
    y = grid.sum(axis=3) @ middles(height)
    return np.stack([x, y], axis=2).astype(heat.dtype)


def middles(cells: int) -> np.ndarray:
    """Where the middles of that many cells lie from -1 to 1."""
    return (2.0 * np.arange(cells) + 1.0) / cells - 1.0


# One block for each map. A thread goes through its cells once and keeps its largest heat so far; when a larger one
# comes, what it has summed is faded by the difference. The first thread brings all threads' sums to one largest heat.
KERNEL = r"""
extern "C" __global__ void soft_argmax_aim(const float* heat, float* aim, int height, int width, float sharpness)
{
    __shared__ float tops[THREADS], masses[THREADS], across[THREADS], down[THREADS];
    const int mine = threadIdx.x, cells = height * width;
    const float* map = heat + (size_t)blockIdx.x * cells;
    float top = -3.0e38f, mass = 0.0f, x = 0.0f, y = 0.0f;
    for (int cell = mine; cell < cells; cell += THREADS) {
        const float value = sharpness * map[cell];
        if (value > top) {
            const float fade = expf(top - value);
            mass *= fade; x *= fade; y *= fade;
            top = value;
        }
        const float weight = expf(value - top);
        mass += weight;
        x += weight * ((2.0f * (float)(cell % width) + 1.0f) / (float)width - 1.0f);
        y += weight * ((2.0f * (float)(cell / width) + 1.0f) / (float)height - 1.0f);
    }
    tops[mine] = top; masses[mine] = mass; across[mine] = x; down[mine] = y;
    __syncthreads();
    if (mine != 0) return;
    for (int other = 1; other < THREADS; ++other) top = fmaxf(top, tops[other]);
    mass = x = y = 0.0f;
    for (int other = 0; other < THREADS; ++other) {
        const float fade = expf(tops[other] - top);
        mass += fade * masses[other]; x += fade * across[other]; y += fade * down[other];
    }
    aim[2 * blockIdx.x] = x / mass;
    aim[2 * blockIdx.x + 1] = y / mass;
}
""".replace("THREADS", str(THREADS))
KERNEL_NAME = "soft_argmax_aim"
