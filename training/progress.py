"""What a person watching a run sees: a live panel on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PLAIN_LINES = 10  # lines about losses in a run that nobody watches live


class Progress:
    """Live display of one training session, from update `start` to `updates`."""

    def __init__(self, updates: int, start: int, console: Console) -> None:
        self._updates = updates
        self._start = self._step = start
        self._console = console
        self._began = time.monotonic()
        self._speed = 0.0
        self._losses: dict[str, float] = {}
        self._success: list[str] = []
        self._doing = "compiling"
        self._next_line = start
        # Only a terminal can be redrawn; a log file gets whole lines.
        self._live = Live(self, console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Print one line above the display."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def doing(self, what: str) -> None:
        """Name the present activity."""
        self._doing = what

    def trained(self, step: int, losses: Mapping[str, float], updates_per_second: float) -> None:
        """Show the means over the seeds after a dispatch."""
        self._step, self._losses, self._speed, self._doing = step, dict(losses), updates_per_second, "training"
        if self._live is None and (step >= self._next_line or step == self._updates):
            self._next_line = step + max(1, (self._updates - self._start) // PLAIN_LINES)
            shown = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
            self.note(f"{self._heading()}  {shown}")

    def evaluated(self, step: int, policy: str, title: str, success: Sequence[float], episodes: int) -> None:
        """Show success rates or scores per seed."""
        mean = sum(success) / len(success)
        seeds = f" ({', '.join(f'{value:.2f}' for value in success)})" if len(success) > 1 else ""
        line = f"step {step}: {title} of the {policy} policy {mean:.2f}{seeds} over {episodes} episodes"
        self._success = [*self._success[-3:], line]
        if self._live is None:
            self.note(line)

    def _heading(self) -> str:
        return f"step {self._step}/{self._updates}  {self._speed:.1f} updates/s  {self._time_left()} left"

    def _time_left(self) -> str:
        done = self._step - self._start
        if done == 0:
            return "?"
        left = (time.monotonic() - self._began) * (self._updates - self._step) / done
        minutes, seconds = divmod(round(left), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"

    def __rich__(self) -> Group:
        table = Table.grid(padding=(0, 2))
        names = list(self._losses.items())
        for row in range(0, len(names), 4):
            table.add_row(*(f"{name} {value:.4g}" for name, value in names[row : row + 4]))
        bar = ProgressBar(total=self._updates, completed=self._step, width=60)
        return Group(Text(f"{self._heading()}  [{self._doing}]"), bar, table, *(Text(line) for line in self._success))
