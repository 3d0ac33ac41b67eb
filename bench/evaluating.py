"""Episodes a second by number of environments, against one environment with a policy call for each decision."""

from collections.abc import Iterator
from typing import Any

from ..training.evaluation import evaluate
from ..training.scoring import noise_shapes
from .sizes import SIZES, problem

ENV = SIZES["quick"][0]
ENVIRONMENTS = (1, 2, 4, 8)


def evaluation(episodes: int = 8, workers: int = 2, environments: tuple[int, ...] = ENVIRONMENTS) -> Iterator[Any]:
    """QAM's untrained policy at the quick size; the first row is the sequential way: one environment, one thread.

    Untrained, so that every episode runs to its limit of steps and all rows step the simulator equally often.
    """
    chosen = problem("qam", "quick")
    for backend in ("jax", "torch"):
        engine = chosen.engine(backend, 1)
        state = engine.initial()
        noise = noise_shapes(chosen.algorithm, chosen.config, chosen.dimensions)

        def policy(observations: Any, drawn: Any, engine: Any = engine, state: Any = state) -> Any:
            return engine.act(state, observations, drawn)

        for count in environments:
            threads = min(workers, count)
            # Once unmeasured: it makes the environments and compiles the policy.
            evaluate(ENV, policy, (0,), count, chosen.config.chunk, noise, threads, environments=count)
            result = evaluate(ENV, policy, (0,), episodes, chosen.config.chunk, noise, threads, environments=count)
            yield {
                "backend": backend,
                "environments": count,
                "workers": threads,
                "episodes": episodes,
                "steps": int(result.lengths.sum()),
                "seconds": result.seconds,
            }
