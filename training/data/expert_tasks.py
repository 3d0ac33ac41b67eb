"""Tasks without a data set, on which the experts behind OGBench's locomotion data are trained online."""

import numpy as np

from .transitions import ACTION_LIMIT, TransitionData

# Name of the task to the gymnasium id of its environment.
ANT, HUMANOID = "ant-xy", "humanoid-xy"
EXPERT_TASKS = {ANT: "online-ant-v0", HUMANOID: "online-humanoid-v0"}
UNIFORM_STEPS = 5000


def uniform_rows(name: str, steps: int = UNIFORM_STEPS) -> TransitionData:
    """What uniform actions meet in a task, the same at every call: the first rows of an expert's experience."""
    from ..environments import EvaluationEnvironment

    environment, rng = EvaluationEnvironment(name), np.random.default_rng(0)
    rows: list[tuple[object, ...]] = []
    episode, observation = 0, environment.reset(0, 0)
    for _ in range(steps):
        action = rng.uniform(-ACTION_LIMIT, ACTION_LIMIT, environment.action_size).astype(np.float32)
        met = environment.step(action)
        rows.append((observation, action, met.observation, met.reward, not met.terminated, met.done))
        observation = met.observation
        if met.done:
            episode += 1
            observation = environment.reset(0, episode)
    names = ("observations", "actions", "next_observations", "rewards", "masks", "terminals")
    columns = {name: np.array(column, np.float32) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    columns["terminals"][-1] = 1.0
    return TransitionData(**columns, origin=f"{steps} steps of uniform actions in {name}")
