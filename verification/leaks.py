"""Derivatives with respect to inputs that receive none, in the modes of JAX and torch that users run."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.spec import Spec
from .backends import Array, Backend
from .calls import Run, Tree, on_backend, runner, statics
from .derivatives import leaves, like, real_results
from .strategies import Case, result_shapes

Leak = tuple[str, NDArray[Any]]


def frozen(spec: Spec) -> tuple[str, ...]:
    """Arguments that must receive exactly zero."""
    return tuple(arg.name for arg in spec.args if not arg.gradient and arg.kind != "integer")


class Probe:
    """One kernel's calls (lanes of one layout) with directions in its arguments and weights of its results."""

    def __init__(self, backend: Backend, lanes: tuple[Case, ...], seed: int = 0) -> None:
        case, rng = lanes[0], np.random.default_rng(seed)
        self.backend, self.lanes, self.spec, self.kept = backend, lanes, case.spec, real_results(case)
        self.run: Run = runner(backend, case.spec.name, statics(case))
        self.cotangents = tuple(
            backend.array(rng.standard_normal(result_shapes(case)[position])) for position in self.kept
        )
        self.directions = [like(lane.tree, lambda _, leaf: rng.standard_normal(np.shape(leaf))) for lane in lanes]

    def tree(self, lane: int = 0) -> dict[str, Any]:
        """Fresh arrays of one call."""
        return on_backend(self.backend, self.lanes[lane])

    def drawn(self, gradient: bool, lane: int = 0) -> dict[str, Any]:
        """A random direction in the differentiable arguments, or in the frozen ones; zero in the others."""

        def part(path: tuple[str, ...], leaf: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(leaf * (self.spec.arg(path[0]).gradient == gradient) + 0.0)

        tree: dict[str, Any] = like(self.directions[lane], part)
        return tree

    def tangents(self, lane: int = 0) -> dict[str, Any]:
        """A random direction in the frozen arguments as arrays of the backend."""
        tree: dict[str, Any] = like(self.drawn(False, lane), lambda _, leaf: self.backend.array(leaf))
        return tree

    def stacked(self, each: Callable[[int], Tree]) -> Any:
        """The lanes' trees with the lanes as leading axis."""
        trees = [dict(leaves(each(lane))) for lane in range(len(self.lanes))]
        return like(each(0), lambda path, _: self.backend.xp.stack([tree[path] for tree in trees], axis=0))

    def results(self, tree: Tree) -> tuple[Array, ...]:
        """The results that have derivatives."""
        outs = self.run(tree)
        return tuple(outs[position] for position in self.kept)

    def jvp(self, tree: Tree, tangents: Tree) -> tuple[Array, ...]:
        """J tangents."""
        if self.backend.name == "jax":
            import jax

            return tuple(jax.jvp(self.results, (tree,), (tangents,))[1])
        import torch

        return tuple(torch.func.jvp(self.results, (tree,), (tangents,))[1])

    def vjp(self, tree: Tree, cotangents: tuple[Array, ...]) -> Tree:
        """Jᵀ cotangents."""
        gradients: Tree
        if self.backend.name == "jax":
            import jax

            gradients = jax.vjp(self.results, tree)[1](cotangents)[0]
        else:
            import torch

            gradients = torch.func.vjp(self.results, tree)[1](cotangents)[0]
        return gradients

    def compile(self, function: Callable[..., Any], backend: str = "aot_eager") -> Callable[..., Any]:
        """jax.jit, or torch.compile as one graph; AOTAutograd without code generation unless told otherwise."""
        if self.backend.name == "jax":
            return self.backend.compiled(function)
        import torch

        torch.compiler.reset()
        return torch.compile(function, backend=backend, fullgraph=True)

    @cached_property
    def program(self) -> Callable[[Tree, Tree], Any]:
        """`jvp`, compiled once for every direction."""
        return self.compile(self.jvp)

    def forward(self, outs: Any) -> Iterator[Leak]:
        """Tangents of the results; what forward mode left empty is zero."""
        for out in outs:
            yield "a forward derivative", np.zeros(()) if out is None else self.backend.numpy(out)

    def reverse(self, gradients: Tree) -> Iterator[Leak]:
        """Gradients at the frozen arguments; what reverse mode left empty is zero."""
        for path, leaf in leaves(gradients):
            if path[0] in frozen(self.spec):
                yield f"the gradient of {'.'.join(path)}", np.zeros(()) if leaf is None else self.backend.numpy(leaf)


def vmap(probe: Probe) -> Iterator[Leak]:
    """vmap of forward and of reverse mode; in JAX under jit."""
    trees, tangents = probe.stacked(probe.tree), probe.stacked(probe.tangents)

    def both(tree: Tree, tangents: Tree) -> Any:
        return probe.jvp(tree, tangents), probe.vjp(tree, probe.cotangents)

    if probe.backend.name == "jax":
        import jax

        forward, reverse = jax.jit(jax.vmap(both))(trees, tangents)
    else:
        import torch

        forward, reverse = torch.func.vmap(both)(trees, tangents)
    yield from probe.forward(forward)
    yield from probe.reverse(reverse)


def scan(probe: Probe) -> Iterator[Leak]:
    """The kernel as the body of lax.scan: arrays change from step to step, networks and numbers are closed over."""
    import jax

    stepped = {arg.name for arg in probe.spec.args if arg.kind == "array"}

    def split(stacked: Tree, single: Tree) -> tuple[Tree, Tree]:
        return {k: v for k, v in stacked.items() if k in stepped}, {k: v for k, v in single.items() if k not in stepped}

    def scanned(rows: Tree, shared: Tree) -> Any:
        return jax.lax.scan(
            lambda carry, row: (carry, probe.results({**row, **shared})), None, rows, length=len(probe.lanes)
        )[1]

    def both(primals: tuple[Tree, Tree], tangents: tuple[Tree, Tree]) -> Any:
        weights = tuple(jax.numpy.stack([weight] * len(probe.lanes)) for weight in probe.cotangents)
        return jax.jvp(scanned, primals, tangents)[1], jax.vjp(scanned, *primals)[1](weights)

    forward, reverse = jax.jit(both)(
        split(probe.stacked(probe.tree), probe.tree()), split(probe.stacked(probe.tangents), probe.tangents())
    )
    yield from probe.forward(forward)
    for tree in reverse:
        yield from probe.reverse(tree)


def backward(probe: Probe, compiled: str = "") -> Iterator[Leak]:
    """.backward() from leaves that require gradients; a kernel without differentiable arguments keeps no graph."""
    run = probe.compile(probe.run, compiled) if compiled else probe.run
    tree = like(probe.tree(), lambda _, leaf: leaf.requires_grad_())
    outs = run(tree)
    pairs = zip((outs[position] for position in probe.kept), probe.cotangents, strict=True)
    terms = [(out * weight).sum() for out, weight in pairs if out.requires_grad]
    if not probe.spec.differentiable:
        yield "a graph that is kept", np.asarray(float(len(terms)))
    if terms:
        sum(terms).backward()
    yield from probe.reverse(like(tree, lambda _, leaf: leaf.grad))


def func_grad(probe: Probe) -> Iterator[Leak]:
    """torch.func.grad."""
    import torch

    def weighted(tree: Tree) -> Any:
        return sum((out * weight).sum() for out, weight in zip(probe.results(tree), probe.cotangents, strict=True))

    yield from probe.reverse(torch.func.grad(weighted)(probe.tree()))


def jvp(probe: Probe) -> Iterator[Leak]:
    """torch.func.jvp."""
    yield from probe.forward(probe.jvp(probe.tree(), probe.tangents()))


def dual_numbers(probe: Probe) -> Iterator[Leak]:
    """torch.autograd.forward_ad, without torch.func."""
    import torch

    forward_ad: Any = torch.autograd.forward_ad
    tangents = dict(leaves(probe.tangents()))
    with forward_ad.dual_level():
        tree = like(probe.tree(), lambda path, leaf: forward_ad.make_dual(leaf, tangents[path]))
        yield from probe.forward([forward_ad.unpack_dual(out).tangent for out in probe.results(tree)])


def compiled_jvp(probe: Probe) -> Iterator[Leak]:
    """Forward mode under the compiler."""
    yield from probe.forward(probe.program(probe.tree(), probe.tangents()))


def compiled_backward(probe: Probe) -> Iterator[Leak]:
    """.backward() through the compiled kernel, as in training."""
    yield from backward(probe, "aot_eager")


# JAX's eager calls and jax.jit have their properties in test_gradients.
Mode = Callable[[Probe], Iterator[Leak]]
EAGER: Mapping[str, tuple[Mode, ...]] = {"jax": (vmap,), "torch": (backward, func_grad, jvp, dual_numbers, vmap)}
COMPILED: Mapping[str, tuple[Mode, ...]] = {
    "jax": (scan,),
    "torch": (compiled_jvp, compiled_backward),
}
