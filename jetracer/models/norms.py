"""Batch norms folded into the convolutions before them, as in an exported file, and made again to train on.

    fold(net, 112)                          for export: no norms are left, the net says the same
    unfold(net, 112, tensors_of_a_file)     the file's convolutions, with norms that do nothing
    settle(net, pictures)                   norms that do what they do in training, the net still says the same

Which norm follows which convolution is seen by running the net once, so any net will do.
"""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


@torch.no_grad()
def pairs(net: nn.Module, size_px: int) -> List[Tuple[str, str]]:
    """Names of each convolution and the norm behind it, seen with a picture of `size_px`."""
    makers: Dict[int, str] = {}
    kept: List[torch.Tensor] = []  # so that no later tensor gets the id of an earlier one
    found: List[Tuple[str, str]] = []

    def made(name: str) -> Any:
        def note(_: nn.Module, __: Any, output: torch.Tensor) -> None:
            kept.append(output)
            makers[id(output)] = name
        return note

    def taken(name: str) -> Any:
        def note(_: nn.Module, inputs: Tuple[torch.Tensor]) -> None:
            if id(inputs[0]) in makers:
                found.append((makers[id(inputs[0])], name))
        return note

    hooks = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(made(name)))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(taken(name)))
    run(net, torch.zeros(1, 3, size_px, size_px))
    for hook in hooks:
        hook.remove()
    return found


def run(net: nn.Module, pictures: torch.Tensor) -> None:
    """One pass as in use; leaves the net in the mode it was in."""
    training = net.training
    net.eval()(pictures.to(next(net.parameters()).device))
    net.train(training)


@torch.no_grad()
def fold(net: nn.Module, size_px: int) -> None:
    """Each convolution takes over what the norm behind it does; parameters keep their names. In place."""
    for conv_name, norm_name in pairs(net, size_px):
        conv, norm = net.get_submodule(conv_name), net.get_submodule(norm_name)
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
        parent, _, leaf = norm_name.rpartition(".")
        setattr(net.get_submodule(parent), leaf, nn.Identity())


@torch.no_grad()
def unfold(net: nn.Module, size_px: int, tensors: Mapping[str, torch.Tensor]) -> None:
    """Load what `fold` left of a net like this one. Raises KeyError or RuntimeError when it was another net."""
    state = dict(tensors)
    for conv_name, norm_name in pairs(net, size_px):
        norm, bias = net.get_submodule(norm_name), state.pop(f"{conv_name}.bias")
        nothing = {"weight": torch.ones_like(bias), "bias": bias, "running_mean": torch.zeros_like(bias),
                   "running_var": torch.full_like(bias, 1.0 - norm.eps),
                   "num_batches_tracked": norm.num_batches_tracked}
        state.update({f"{norm_name}.{key}": value for key, value in nothing.items()})
    net.load_state_dict(state)


@torch.no_grad()
def settle(net: nn.Module, pictures: torch.Tensor) -> None:
    """Give every norm the statistics of these normalised pictures (N,3,S,S), and the gain and shift that undo them.

    What the net says stays the same; but trained on as `unfold` leaves it, with norms whose statistics are those of
    nothing, it would forget what it knows in its first batch.
    """
    seen: Dict[nn.Module, Tuple[torch.Tensor, torch.Tensor]] = {}

    def look(norm: nn.Module, inputs: Tuple[torch.Tensor]) -> None:
        seen[norm] = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), unbiased=False)

    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    run(net, pictures)
    for hook in hooks:
        hook.remove()
    for norm, (mean, var) in seen.items():
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        norm.bias += gain * (mean - norm.running_mean)
        norm.weight.copy_(gain * torch.sqrt(var + norm.eps))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(var)
