"""Numbers of the three derivations in docs/derivations."""

import re
from collections.abc import Callable, Mapping

import numpy as np
from scipy.integrate import quad

from ... import reference as K
from ..mixtures import Mixture
from .numbers_qam import adjoint_error, gaussian, one

Values = np.ndarray
PLACE = re.compile(r"<<(\w+)>>")

# Returns after the next state: two outcomes of different spread.
NEXT = Mixture(np.array([0.35, 0.65]), np.array([-2.0, 1.5]), np.array([0.25, 0.5]))
REWARD, DISCOUNT, RK_STEPS, CUT = 0.5, 0.9, 120, 1 - 1e-6
TARGETS = ("printed", "consistent")


def filled(template: str, numbers: Mapping[str, str]) -> str:
    """The text with its <<names>> replaced by numbers.

    Raises:
        KeyError: a name without a number, or a number without a place.
    """
    names = set(PLACE.findall(template))
    if names != set(numbers):
        raise KeyError(f"text and numbers differ in {sorted(names ^ set(numbers))}")
    return PLACE.sub(lambda found: numbers[found[1]], template)


def quantiles(count: int) -> Values:
    """Standard normal values at which the map from noise to return is followed, shape (count, 1)."""
    return np.linspace(-3.5, 3.5, count)[:, None]


def return_paths(target: str, start: Values) -> Values:
    """Paths of noises under the velocity learned at the fixed point of a target, (steps+1, count, 1), by Runge-Kutta.

    The printed target's fixed point is the constant Q; the consistent one is the velocity of r + g Z'.
    """
    field = NEXT.velocity(np.asarray, np)
    r, g = np.full(start.shape, REWARD), np.full(start.shape, DISCOUNT)
    mean = float(NEXT.weights @ NEXT.means)

    def velocity(z: Values, t: float) -> Values:
        time = np.full(z.shape, min(t, CUT))
        if target == "printed":
            # at the fixed point the next velocity is the constant Q(x', a')
            return np.asarray(K.flow_td_target(r, g, np.full(z.shape, mean)))
        return np.asarray(K.bellman_flow_target(r, g, z, time, field))

    h, states = 1 / RK_STEPS, [start]
    for i in range(RK_STEPS):
        t, z = i * h, states[-1]
        k1 = velocity(z, t)
        k2 = velocity(z + h / 2 * k1, t + h / 2)
        k3 = velocity(z + h / 2 * k2, t + h / 2)
        k4 = velocity(z + h * k3, t + h)
        states.append(z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.stack(states)


def learned_density(target: str, count: int = 281) -> tuple[Values, Values]:
    """Returns and their learned density, by the change of variables along the paths."""
    start = quantiles(count)
    ends = return_paths(target, start)[-1, :, 0]
    bell = np.exp(-(start[:, 0] ** 2) / 2) / np.sqrt(2 * np.pi)
    return ends, bell / np.gradient(ends, start[:, 0])


def moments(z: Values, density: Values) -> tuple[float, float, float]:
    """Mean, standard deviation and mass below zero of a density on a grid."""
    total = np.trapezoid(density, z)
    mean = np.trapezoid(density * z, z) / total
    spread = np.sqrt(np.trapezoid(density * (z - mean) ** 2, z) / total)
    return float(mean), float(spread), float(np.trapezoid(density * (z < 0), z) / total)


def backup_shift(std: float) -> float:
    """Shift of the mean by one printed backup of a reward of 1: s ∫ du/√c(u)."""
    return float(std * quad(lambda u: 1 / np.sqrt((1 - u) ** 2 + (u * std) ** 2), 0, 1, epsabs=1e-12)[0])


def flow_td_numbers() -> dict[str, str]:
    """Numbers of flow_td.md."""
    law = NEXT.affine(REWARD, DISCOUNT)
    grid = np.linspace(-5, 5, 4001)
    exact = moments(grid, law.density(grid[:, None], np.ones((1, 1)))[:, 0])
    found = {"truth": exact} | {target: moments(*learned_density(target)) for target in TARGETS}
    numbers = {"shift_wide": f"{backup_shift(1.0):.4f}", "shift_narrow": f"{backup_shift(0.1):.3f}"}
    for name, (mean, spread, below) in found.items():
        numbers |= {f"{name}_mean": f"{mean:.2f}", f"{name}_std": f"{spread:.2f}", f"{name}_below": f"{below:.2f}"}
    soft = np.log(np.trapezoid(law.density(grid[:, None], np.ones((1, 1)))[:, 0] * np.exp(grid), grid))
    numbers |= {"soft_truth": f"{soft:.2f}", "soft_printed": f"{found['printed'][0] + 0.5:.2f}"}
    return numbers | {"reward": f"{REWARD:g}", "discount": f"{DISCOUNT:g}"}


ORDERS = (10, 20, 40, 80, 160)


def first_residual(steps: int, std: float = 0.5) -> float:
    """Residual -σ² g/2 of the released scheme at t = 0, Q(a) = a and τ = 1."""
    gs = K.lean_adjoint(gaussian(std).velocity(np), np.zeros((steps + 1, 1, 1)), one(-1.0))
    return -(float(K.memoryless_sigma(np.zeros(1), 1 / steps)[0]) ** 2) * float(gs[0, 0, 0]) / 2


def lean_adjoint_numbers() -> dict[str, str]:
    """Numbers of lean_adjoint.md."""
    numbers = {"exact_residual": f"{0.25:.2f}"}
    for name, heun in (("released", False), ("heun", True)):
        errors = [adjoint_error(steps, heun) for steps in ORDERS]
        numbers |= {f"{name}_{steps}": f"{error:.1e}" for steps, error in zip(ORDERS, errors, strict=True)}
        numbers[f"{name}_order"] = f"{-np.polyfit(np.log(ORDERS), np.log(errors), 1)[0]:.2f}"
    return numbers | {f"residual_{steps}": f"{first_residual(steps):.4f}" for steps in (10, 100, 1000)}


def share_left(std: float, steps: int) -> float:
    """Share of an action's offset from the mean after explicit reversal and the flow."""
    field = gaussian(std).velocity(np)
    return float(K.euler(field, K.reverse_euler(field, one(1.0), one(0.0), steps), steps)[0, 0])


SHARES = (10, 20, 50, 100)
ITERATIONS = (5, 10, 20, 40)


def flow_reversal_numbers() -> dict[str, str]:
    """Numbers of flow_reversal.md."""
    numbers = {f"wide_{n}": f"{share_left(0.5, n):.3f}" for n in SHARES}
    numbers |= {f"narrow_{n}": f"{share_left(0.1, n):.3f}" for n in SHARES}
    field, action = gaussian(0.1).velocity(np), one(0.2)
    noises = {
        "flow": gaussian(0.1).flow(action, 1.0, 0.0),
        "explicit": K.reverse_euler(field, action, one(0.0), 10),
        "inverse": K.invert_euler(field, action, 10, 100)[0],
    }
    numbers |= {f"noise_{name}": f"{float(noise[0, 0]):.2f}" for name, noise in noises.items()}
    numbers["euler_std"] = f"{float(K.euler(field, one(1.0), 10)[0, 0]):.3f}"
    t = np.arange(10) / 10
    for name, std in (("wide", 0.5), ("narrow", 0.1)):
        slope = (t * std**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * std**2)
        numbers[f"{name}_contraction"] = f"{np.abs(slope).max() / 10:.2f}"
        for n in ITERATIONS:
            residual = K.invert_euler(gaussian(std).velocity(np), one(1.0), 10, n)[1]
            left = float(np.ravel(residual)[0])
            # what is left below that is rounding, which differs between machines
            numbers[f"{name}_residual_{n}"] = f"{left:.0e}" if left > 1e-12 else "< 1e-12"
    return numbers


NUMBERS: dict[str, Callable[[], dict[str, str]]] = {
    "flow_td": flow_td_numbers,
    "lean_adjoint": lean_adjoint_numbers,
    "flow_reversal": flow_reversal_numbers,
}
