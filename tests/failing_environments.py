"""Environments that fail on purpose, for worker processes, which import them by name."""

import os
import time
from pathlib import Path
from typing import Any

from veloq.training.environments import EvaluationEnvironment, Run, Step

FOLDER = "VELOQ_TEST_FAILURES"


class Failing(EvaluationEnvironment):
    """Fails in the tenth chunk of every episode number 1 of an evaluation, and in the fifth step of those online.

    As often as files in $VELOQ_TEST_FAILURES say, which are called die-*, hang-* or raise-*.
    """

    def reset(self, seed: int, episode: int, stream: int = 2) -> Any:
        self.number, self.chunks, self.stream, self.steps = episode, 0, stream, 0
        return super().reset(seed, episode, stream)

    def run(self, actions: Any, positions: bool = False) -> Run:
        self.chunks += 1
        if self.number == 1 and self.chunks == 10:
            self.fail()
        return super().run(actions, positions)

    def step(self, action: Any) -> Step:
        self.steps += 1
        if self.stream == 3 and self.steps == 5:
            self.fail()
        return super().step(action)

    def fail(self) -> None:
        """In the way that the first file says, which is then gone."""
        for path in sorted(Path(os.environ[FOLDER]).iterdir()):
            path.unlink()
            if path.name.startswith("die"):
                os._exit(7)
            if path.name.startswith("raise"):
                raise RuntimeError("the arm\nis broken")
            time.sleep(3600)
