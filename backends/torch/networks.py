"""Declared networks applied to tensors."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, relu, softplus

from ...core.networks import LAYER_NORM_EPSILON, Network, Parameter, ResidualNetwork

Tree = Mapping[str, Tensor]
Forest = Mapping[str, Tree]


def bind(declared: Any, parameters: Forest) -> Any:
    """The method's NamedTuple of networks as callables; None for those without parameters in `parameters`."""
    bound = {}
    for name, network in declared._asdict().items():
        tree = parameters.get(name)
        bound[name] = None if tree is None else partial(_CALLS[type(network)], network, tree)
    return declared._replace(**bound)


def apply_parameter(parameter: Parameter, tree: Tree) -> Tensor:
    """The learnable number, 0-d."""
    return tree["value"]


def apply_network(network: Network, tree: Tree, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Evaluate a network.

    Per hidden layer x ← norm(act(x W + b)), then x W_head + b_head; members of an ensemble lead.

    Args:
        network: the declaration.
        tree: its parameters by name.
        inputs: as many as declared, last axes of the declared sizes, leading axes broadcast.

    Returns:
        One (members?, ..., size) per head, without the last axis where the network is scalar; a tuple if there
        is more than one head.
    """
    x, lead = _joined(inputs)
    layer = _dense if network.members is None else _dense_members
    norm = _norm if network.members is None else _norm_members
    activation = _ACTIVATIONS[network.activation]
    if network.members is not None:
        x = x.expand(network.members, *x.shape)
    for index in range(len(network.hidden)):
        name = f"hidden_{index}"
        x = activation(layer(tree, name, x))
        if network.layer_norm:
            x = norm(tree, name, x)
    members = () if network.members is None else (network.members,)
    results = []
    for head in network.heads:
        size = () if network.scalar else (head.size,)
        results.append(layer(tree, head.name, x).reshape(*members, *lead, *size))
    return results[0] if len(results) == 1 else tuple(results)


def apply_residual(network: ResidualNetwork, tree: Tree, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
    """As `apply_network`, for a residual network: x ← x + W' act(W norm(x) + b) + b', then act and the heads."""
    x, lead = _joined(inputs)
    activation = _ACTIVATIONS[network.activation]
    x = _dense(tree, "enter", x)
    for block in range(network.blocks):
        name = f"widen_{block}"
        x = x + _dense(tree, f"narrow_{block}", activation(_dense(tree, name, _norm(tree, name, x))))
    x = activation(x)
    results = tuple(_dense(tree, head.name, x).reshape(*lead, head.size) for head in network.heads)
    return results[0] if len(results) == 1 else results


def _joined(inputs: Sequence[Tensor]) -> tuple[Tensor, tuple[int, ...]]:
    """Inputs side by side as one matrix, and the leading shape they broadcast to."""
    lead = inputs[0].shape[:-1]
    if any(value.shape[:-1] != lead for value in inputs):
        lead = torch.broadcast_shapes(*(value.shape[:-1] for value in inputs))  # type: ignore[no-untyped-call]
        inputs = [value.expand(*lead, value.shape[-1]) for value in inputs]
    x = torch.cat(tuple(inputs), -1)
    return (x if x.ndim == 2 else x.reshape(-1, x.shape[-1])), tuple(lead)


def _dense(tree: Tree, name: str, x: Tensor) -> Tensor:
    return torch.addmm(tree[f"{name}.bias"], x, tree[f"{name}.kernel"])


def _dense_members(tree: Tree, name: str, x: Tensor) -> Tensor:
    return torch.baddbmm(tree[f"{name}.bias"].unsqueeze(1), x, tree[f"{name}.kernel"])


def _norm(tree: Tree, name: str, x: Tensor) -> Tensor:
    scale, shift = tree[f"{name}.norm_scale"], tree[f"{name}.norm_shift"]
    return layer_norm(x, x.shape[-1:], scale, shift, LAYER_NORM_EPSILON)


def _norm_members(tree: Tree, name: str, x: Tensor) -> Tensor:
    scale, shift = tree[f"{name}.norm_scale"], tree[f"{name}.norm_shift"]
    normalized = layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON)
    return torch.addcmul(shift.unsqueeze(1), normalized, scale.unsqueeze(1))


def _mish(x: Tensor) -> Tensor:
    """x tanh(softplus(x)): torch's own has no batching rule for its derivative, so that vmap over seeds would loop."""
    return x * torch.tanh(softplus(x))


_CALLS: dict[type, Any] = {Network: apply_network, ResidualNetwork: apply_residual, Parameter: apply_parameter}
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": partial(gelu, approximate="tanh"),
    "mish": _mish,
    "relu": relu,
}
