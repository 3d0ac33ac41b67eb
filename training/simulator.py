"""Making simulated environments without their side effects."""

import importlib.util
import os
import warnings
from pathlib import Path
from typing import Any

from ..core.errors import UsageError

KITCHEN = "veloq/Kitchen-v0"
# Beginnings of gymnasium-robotics' ids, the last two of which show goals.
GOAL_MAZES = ("PointMaze", "AntMaze")
ROBOTICS = ("Adroit", *GOAL_MAZES)
# Environments written here, by the names they are registered under.
OWN = {"veloq/AntMaze-v0": "d4rl_antmaze:AntMaze", KITCHEN: "d4rl_kitchen:Kitchen"}


def make_environment(identifier: str, **settings: Any) -> Any:
    """`gymnasium.make` of an environment of ogbench, gymnasium or gymnasium-robotics, without side effects.

    Observations with goals are one vector, as gymnasium flattens them, by name: achieved goal, desired goal,
    observation.

    Args:
        identifier: a gymnasium id.
        settings: passed to the environment.

    Raises:
        UsageError: $MUJOCO_GL names no renderer that MuJoCo knows, or a package is missing.
    """
    if "DISPLAY" not in os.environ:
        # Without a display the default renderer only warns at import; a renderer chosen by the user is kept.
        os.environ.setdefault("MUJOCO_GL", "disable")
    # The robot arm builds its action space anew, with this warning, at every access.
    warnings.filterwarnings("ignore", message=".*precision lowered by casting", category=UserWarning)
    try:
        import mujoco  # noqa: F401 - reads the variable
    except RuntimeError as error:
        raise UsageError(str(error)) from error
    import gymnasium
    import ogbench
    import ogbench.online_locomotion  # noqa: F401 - and the bodies in the open

    if identifier.startswith(ROBOTICS) or identifier == KITCHEN:
        if importlib.util.find_spec("gymnasium_robotics") is None:
            raise UsageError(f"{identifier} needs gymnasium-robotics: pip install 'veloq[robotics]'")
        import gymnasium_robotics

        gymnasium.register_envs(gymnasium_robotics)
    for name, entry_point in OWN.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, f"{__package__}.{entry_point}")
    # What D4RL's data was made in is old on purpose.
    warnings.filterwarnings("ignore", message=".*is out of date", category=DeprecationWarning)

    environment: Any = gymnasium.make(identifier, disable_env_checker=True, **settings)
    # Each maze writes its model to a scratch file, reads it once and never removes it.
    if "maze" in identifier or "antsoccer" in identifier:
        Path(environment.unwrapped.fullpath).unlink(missing_ok=True)
    if identifier.startswith(GOAL_MAZES):
        Path(environment.unwrapped.tmp_xml_file_path).unlink(missing_ok=True)
        return gymnasium.wrappers.FlattenObservation(environment)
    return environment
