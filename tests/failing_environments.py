"""Environments that fail on purpose, for worker processes, which import them by name."""

import os
import time
from pathlib import Path
from typing import Any

from veloq.training.environments import EvaluationEnvironment, Run

FOLDER = "VELOQ_TEST_FAILURES"


class Failing(EvaluationEnvironment):
    """Fails in the tenth chunk of every episode number 1, as often as files in $VELOQ_TEST_FAILURES say.

    They are called die-*, hang-* or raise-*.
    """

    def reset(self, seed: int, episode: int, stream: int = 2) -> Any:
        self.number, self.chunks = episode, 0
        return super().reset(seed, episode, stream)

    def run(self, actions: Any, positions: bool = False) -> Run:
        self.chunks += 1
        for path in sorted(Path(os.environ[FOLDER]).iterdir()):
            if self.number == 1 and self.chunks == 10:
                path.unlink()
                if path.name.startswith("die"):
                    os._exit(7)
                if path.name.startswith("raise"):
                    raise RuntimeError("the arm\nis broken")
                time.sleep(3600)
        return super().run(actions, positions)
