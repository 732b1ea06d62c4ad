"""NVIDIA's training as its notebook `interactive_regression` does it, for comparison, and saved as the notebook saves.

ResNet-18 of 224x224, Adam with its default rate of 1e-3, batches of 8, mean squared error, half of the pictures
mirrored, ColorJitter(0.2, 0.2, 0.2, 0.2), ImageNet's mean and deviation, BGR taken for RGB, no validation: the last
weights count. The notebook starts from torchvision's ImageNet weights; where they cannot be loaded it starts from
random ones here, so another net whose ImageNet weights can be had may take the place of ResNet-18.
"""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence, Tuple

import cv2
import numpy as np
import torch
from torch import nn

from jetracer.data.sample import Sample
from jetracer.models.backbones import BACKBONES, IMAGENET_MEAN, IMAGENET_STD, imagenet
from jetracer.train.pictures import from_samples

BATCH, RATE, JITTER = 8, 1e-3, 0.2


def train(name: str, size_px: int, samples: Sequence[Sample], epochs: int, threads: int,
          progress: Callable[[int, float], None], seed: int = 1) -> Tuple[nn.Module, str]:
    """The net `name` trained, and what it started from, in words. `progress`: epochs done, and the loss."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    random = np.random.default_rng(seed)
    data = from_samples(samples, size_px)[0]
    net, started = start(name)
    net = net.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    for epoch in range(epochs):
        losses = []
        for rows in np.array_split(random.permutation(len(data)), -(-len(data) // BATCH)):
            pictures, wanted = batch(data.pictures[rows], data.labels[rows, :2], random)
            optimiser.zero_grad()
            loss = torch.mean((net(pictures) - wanted) ** 2)
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        progress(epoch + 1, float(np.mean(losses)))
    return net.eval(), started


def start(name: str) -> Tuple[nn.Module, str]:
    net = BACKBONES.get(name)(2)
    state, where = imagenet(name)
    if state is None:
        return net, f"from random weights, for {where}"
    own = net.state_dict()
    net.load_state_dict({**own, **{key: value for key, value in state.items() if value.shape == own[key].shape}})
    return net, f"from ImageNet's weights of {where}"


def save(net: nn.Module, path: Path) -> Path:
    """As the notebook does."""
    torch.save(net.to(memory_format=torch.contiguous_format).state_dict(), path)
    return path


def batch(pictures: np.ndarray, aims: np.ndarray, random: np.random.Generator) -> Tuple[torch.Tensor, torch.Tensor]:
    """Pictures (n,S,S,3) uint8 and aims (n,2) -> jittered, normalised, half of them mirrored."""
    mean, std = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)
    made, wanted = [], aims.copy()
    for index, picture in enumerate(pictures):
        image = (jitter(picture.astype(np.float32) / 255.0, random) - mean) / std
        if random.random() < 0.5:
            image, wanted[index, 0] = image[:, ::-1], -wanted[index, 0]
        made.append(image)
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(made).transpose(0, 3, 1, 2)))
    return stacked.contiguous(memory_format=torch.channels_last), torch.from_numpy(wanted)


def jitter(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and hue, each by up to 0.2, in any order. image (S,S,3) float32 in 0..1."""
    gains = random.uniform(1.0 - JITTER, 1.0 + JITTER, 3)
    for kind in random.permutation(4):
        if kind == 3:
            hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
            hsv[..., 0] = (hsv[..., 0] + 360.0 * random.uniform(-JITTER, JITTER)) % 360.0
            image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
            continue
        grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
        towards = (0.0, grey.mean(), grey[..., None])[kind]
        image = np.clip(gains[kind] * image + (1.0 - gains[kind]) * towards, 0.0, 1.0).astype(np.float32)
    return image
