"""What trained methods do on problems solved exactly: the experiments behind the BEHAVE checks and docs/gallery."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arc import Arc
from .bandit import SHAPES, Bandit, shares, total_variation, transitions
from .toy_training import Learned, learned

Values = NDArray[np.float64]
DATA, SAMPLES = 50_000, 10_000
# Per side of the box, where laws are compared: 10,000 samples of the bandit's law are 0.025 from it, of a shape's 0.02.
CELLS, SHAPE_CELLS = 8, 10
STEPS, SETTLING = 20, 1000  # Euler steps of every flow that acts; last updates, at a tenth of the learning rate


class Drawn(NamedTuple):
    """Actions of one policy and the number that judges them."""

    name: str
    actions: Values
    measure: float


# A softmax of exact means: a temperature far above the spread of the drawn returns. The noise that few draws leave in
# them, of deviation 1/√N for EVOR's N(Q, 1) and none for EVOR-Bellman, is no action's own: it costs candidates alone.
_EVOR = {"action_temp": 1.0 / Bandit().inv_temp, "best_of_n": 64, "return_samples": 2, "return_temp": 100.0}
# A backup's flow counts for nothing where every action ends its episode, so that one step of it will do in training;
# QAM's is also the grid of its adjoint.
_ONE = {"flow_steps": 1}
TILTING: dict[str, tuple[int, Mapping[str, Any]]] = {
    "qam": (3000, {"batch_size": 128}),
    "fawac": (4000, _ONE),
    "evor-bellman": (2500, {**_EVOR, **_ONE}),
    "evor": (2500, {**_EVOR, **_ONE, "return_samples": 8}),
}
# CGQL's weight acts only when it samples: the critic's target is the reward. The others are trained for each weight.
GUIDANCE = (0.01, 0.02, 0.03, 0.05, 0.1)
CLONING = {"dac": (0.5, 0.8, 1.2), "qsm": (8.0, 10.0, 12.0)}


def tilted(method: str, seed: int) -> dict[str, Drawn]:
    """A method that should reach the tilt, by its name, and where it has one its behaviour policy, as "behaviour".

    The measure is the total variation from p exp(τ q)/Z, the behaviour policy's from p.
    """
    problem = Bandit()
    updates, settings = TILTING[method]
    policy = _on_bandit(method, updates, settings, seed, SETTLING).policy(flow_steps=STEPS)
    drawn = {method: _judged(method, policy, problem.masses(problem.inv_temp, CELLS), seed)}
    if policy.algorithm.behaviour is not None:
        drawn["behaviour"] = _judged("behaviour", policy, problem.masses(0.0, CELLS), seed, behaviour=True)
    return drawn


def guided(method: str, seed: int) -> list[Drawn]:
    """CGQL, DAC or QSM for each of its weights; the measure is the total variation from the tilt."""
    problem = Bandit()
    goal = problem.masses(problem.inv_temp, CELLS)
    if method == "cgql":
        policy = _on_bandit(method, 3000, _ONE, seed, SETTLING)
        guided = {w: policy.policy(guidance_weight=w, flow_steps=STEPS) for w in GUIDANCE}
        return [_judged(f"cgql, ϑ = {w:g}", each, goal, seed) for w, each in guided.items()]
    return [
        _judged(
            f"{method}, η = {w:g}",
            _on_bandit(method, 2000, {"bc_weight": w, "batch_size": 128}, seed, SETTLING),
            goal,
            seed,
        )
        for w in CLONING[method]
    ]


def best(drawn: list[Drawn]) -> Drawn:
    """The one with the smallest measure."""
    return min(drawn, key=lambda each: each.measure)


ON_ARC: dict[str, Mapping[str, Any]] = {
    "fql": {"distill_weight": 30.0},
    "fedit": {"edit_scale": 0.2},
    "dsrl": {"latent_scale": 1.0},
}


def on_arc(method: str, seed: int) -> dict[str, Drawn]:
    """A method and its behaviour policy on the arc; the measure is the share of actions off it."""
    arc = Arc()
    data = transitions(arc.sample(np.random.default_rng(seed), DATA), arc.q)
    policy = learned(method, data, 2500, {"learning_rate": 2e-3, **ON_ARC[method]}, seed)
    actions = {method: policy.sample(SAMPLES, seed), "behaviour": policy.sample(SAMPLES, seed, behaviour=True)}
    return {name: Drawn(name, each, arc.off(each)) for name, each in actions.items()}


# By the paper's law (-0.4, 1) hardly a time of a batch is near the data: even t = r learns thin shapes badly.
NEAR_DATA = {"time_mean": -1.5, "time_std": 1.7}


def one_step(shape: str, seed: int) -> dict[str, Drawn]:
    """Data of a shape, OFQL without a value, and a marginal velocity in 50 steps, in ten, in five and in one.

    The measure is the total variation from other samples of the shape, which the data's own measure bounds from below.
    """
    rng = np.random.default_rng(seed)
    points = SHAPES[shape](rng, DATA)
    reference = shares(SHAPES[shape](rng, 4 * DATA), SHAPE_CELLS)
    data = transitions(points, lambda a: np.ones(len(a)))
    meanflow = learned("ofql", data, 10_000, {"eta": 0.0, "learning_rate": 2e-3, **NEAR_DATA}, seed, SETTLING)
    flow = learned("ifql", data, 6000, {}, seed, SETTLING)
    actions = {
        "data": points[:SAMPLES],
        "ofql": meanflow.sample(SAMPLES, seed),
        **{f"flow in {n} steps": flow.policy(flow_steps=n).sample(SAMPLES, seed) for n in (50, 10, 5)},
        "flow in 1 step": flow.policy(flow_steps=1).sample(SAMPLES, seed),
    }
    return {
        name: Drawn(name, each, total_variation(shares(each, SHAPE_CELLS), reference)) for name, each in actions.items()
    }


MOVED = {"difql": "ifql", "diql": "iql", "dtrigflow": "trigflow"}
MEAN, STD, DELTA = np.array([-0.1, 0.1]), 0.2, 0.2
SLOPE = np.array([0.6, 0.8])


def moved(method: str, seed: int) -> tuple[Values, Values]:
    """Actions of a base method and of its DOAL version, on a Gaussian behaviour with the value SLOPE · a."""
    data = transitions(MEAN + STD * np.random.default_rng(seed).standard_normal((DATA, 2)), lambda a: a @ SLOPE)
    settings = {"flow_steps": 10, "inv_temp": 1.0, "delta": DELTA, "learning_rate": 1e-3, "batch_size": 128}
    base, direct = (learned(name, data, 2000, settings, seed).sample(SAMPLES, seed) for name in (MOVED[method], method))
    return base, direct


def _on_bandit(method: str, updates: int, settings: Mapping[str, Any], seed: int, settling: int = 0) -> Learned:
    problem = Bandit()
    data = transitions(problem.sample(np.random.default_rng(seed), DATA), problem.q)
    return learned(method, data, updates, {"inv_temp": problem.inv_temp, **settings}, seed, settling)


def _judged(name: str, policy: Learned, goal: Values, seed: int, behaviour: bool = False) -> Drawn:
    actions = policy.sample(SAMPLES, seed, behaviour)
    return Drawn(name, actions, total_variation(shares(actions, CELLS), goal))
