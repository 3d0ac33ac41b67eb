"""Episodes a second by number of environments, against one environment with a policy call for each decision."""

from collections.abc import Iterator
from typing import Any

from ..training.evaluation import evaluate
from ..training.scoring import noise_shapes
from ..training.worker_processes import Stepping
from .sizes import SIZES, problem

ENV = SIZES["quick"][0]
ENVIRONMENTS = (1, 2, 4, 8)


def evaluation(episodes: int = 8, workers: int = 2, environments: tuple[int, ...] = ENVIRONMENTS) -> Iterator[Any]:
    """QAM's untrained policy at the quick size; the first row is the sequential way: one environment, one thread.

    The last row of each backend steps the most environments in processes. Untrained, so that every episode runs to its
    limit of steps and all rows step the simulator equally often.
    """
    chosen = problem("qam", "quick")
    for backend in ("jax", "torch"):
        engine = chosen.engine(backend, 1)
        state = engine.initial()
        noise = noise_shapes(chosen.algorithm, chosen.config, chosen.dimensions)

        def policy(observations: Any, drawn: Any, engine: Any = engine, state: Any = state) -> Any:
            return engine.act(state, observations, drawn)

        ways: list[tuple[int, Stepping]] = [(count, "threads") for count in environments]
        for count, stepping in [*ways, (environments[-1], "processes")]:
            stepped_by, common = min(workers, count), (chosen.config.chunk, noise)
            # Once unmeasured: it makes the environments and compiles the policy.
            for played in (count, episodes):
                result = evaluate(ENV, policy, (0,), played, *common, stepped_by, environments=count, stepping=stepping)
            yield {
                "backend": backend,
                "environments": count,
                "workers": stepped_by,
                "stepping": stepping,
                "episodes": episodes,
                "steps": int(result.lengths.sum()),
                "seconds": result.seconds,
            }
