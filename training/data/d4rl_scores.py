"""D4RL's normalised score: 0 is the return of a random policy, 100 that of an expert."""

import re

import numpy as np
import numpy.typing as npt

from ...core.errors import UsageError

# REF_MIN_SCORE and REF_MAX_SCORE of d4rl (infos.py and the packages of its environments), the same for every data
# set and version of an environment.
REFERENCE = {
    "halfcheetah": (-280.178953, 12135.0),
    "hopper": (-20.272305, 3234.3),
    "walker2d": (1.629008, 4592.3),
    "antmaze": (0.0, 1.0),
    "kitchen": (0.0, 4.0),
    "pen": (96.262799, 3076.8331017826877),
    "door": (-56.512833, 2880.5693087298737),
    "hammer": (-274.856578, 12794.134825156867),
    "relocate": (-6.425911, 4233.877797728884),
}


def normalized_score(name: str, returns: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """100 (return - random) / (expert - random), of any shape.

    Args:
        name: a D4RL data set or environment, for instance halfcheetah-medium-v2, or Minari's copy, for instance
            D4RL/pen/human-v2; the first word counts.
        returns: undiscounted returns of the environment's own rewards.

    Raises:
        UsageError: no reference scores are known for this environment.
    """
    environment = re.split("[-/]", name.removeprefix("D4RL/"))[0]
    if environment not in REFERENCE:
        raise UsageError(f"no D4RL reference scores for {name!r}; known: {', '.join(REFERENCE)}")
    low, high = REFERENCE[environment]
    return 100 * ((np.asarray(returns, dtype=np.float64) - low) / (high - low))
