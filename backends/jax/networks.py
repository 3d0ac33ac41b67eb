"""Applying declared networks to parameter trees."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...core.networks import LAYER_NORM_EPSILON, Declared, Network, Parameter, ResidualNetwork, Tree


def bind(declared: Any, parameters: Mapping[str, Tree]) -> Any:
    """The method's NamedTuple with a callable for every network of `parameters`, None for the others."""
    return type(declared)(
        *(
            _callable(network, parameters[name]) if name in parameters else None
            for name, network in declared._asdict().items()
        )
    )


def _callable(network: Declared, tree: Tree) -> Callable[..., Any]:
    if isinstance(network, Parameter):
        return lambda: tree["value"]
    if isinstance(network, ResidualNetwork):
        return lambda *inputs: apply_residual(network, tree, *inputs)
    return lambda *inputs: apply(network, tree, *inputs)


def apply(network: Network, tree: Tree, *inputs: Array) -> Array | tuple[Array, ...]:
    """Results of `network` with the parameters of `tree`.

    Args:
        network: what is computed.
        tree: its parameters by name.
        *inputs: one array per entry of `network.inputs`; leading axes broadcast.

    Returns:
        One array per head (an array if there is one), an ensemble's members first.
    """
    x, lead = _joined(inputs)
    activation = _ACTIVATIONS[network.activation]
    for layer in range(len(network.hidden)):
        name = f"hidden_{layer}"
        x = activation(_dense(x, tree, name))
        if network.layer_norm:
            x = _norm(x, tree, name)
    heads = tuple(_shaped(_dense(x, tree, head.name), network, lead) for head in network.heads)
    return heads[0] if len(heads) == 1 else heads


def apply_residual(network: ResidualNetwork, tree: Tree, *inputs: Array) -> Array | tuple[Array, ...]:
    """As `apply`, for a residual network."""
    x, lead = _joined(inputs)
    activation = _ACTIVATIONS[network.activation]
    x = _dense(x, tree, "enter")
    for block in range(network.blocks):
        wide = activation(_dense(_norm(x, tree, f"widen_{block}"), tree, f"widen_{block}"))
        x = x + _dense(wide, tree, f"narrow_{block}")
    x = activation(x)
    heads = tuple(_dense(x, tree, head.name).reshape(*lead, head.size) for head in network.heads)
    return heads[0] if len(heads) == 1 else heads


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": lambda x: jax.nn.gelu(x, approximate=True),
    "mish": jax.nn.mish,
    "relu": jax.nn.relu,
}


def _joined(inputs: tuple[Array, ...]) -> tuple[Array, tuple[int, ...]]:
    """Inputs side by side as one matrix, and the leading shape they broadcast to."""
    lead = jnp.broadcast_shapes(*(x.shape[:-1] for x in inputs))
    x = jnp.concatenate([jnp.broadcast_to(x, (*lead, x.shape[-1])) for x in inputs], axis=-1)
    return x.reshape(-1, x.shape[-1]), lead


def _norm(x: Array, tree: Tree, name: str) -> Array:
    return _normalised(x) * _row(tree, f"{name}.norm_scale") + _row(tree, f"{name}.norm_shift")


def _dense(x: Array, tree: Tree, name: str) -> Array:
    """x W + b for one network, or for every member of an ensemble at once."""
    return jnp.matmul(x, tree[f"{name}.kernel"]) + _row(tree, f"{name}.bias")


def _row(tree: Tree, name: str) -> Array:
    """A per-feature parameter (size,) or (members, size) with an axis for the rows of x."""
    return jnp.expand_dims(tree[name], -2)


def _normalised(x: Array) -> Array:
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + LAYER_NORM_EPSILON)


def _shaped(x: Array, network: Network, lead: tuple[int, ...]) -> Array:
    members = () if network.members is None else (network.members,)
    x = x.reshape(*members, *lead, x.shape[-1])
    return x[..., 0] if network.scalar else x
