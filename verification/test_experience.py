"""What seeds met themselves: windows of what was written, beside those of the data, seed by seed."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from veloq.core.algorithm import Batch
from veloq.core.engine import Transitions
from veloq.core.errors import ShapeError, UsageError
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.probes import WINDOW, Config
from veloq.verification.windows_by_hand import SIZES, TRANSITIONS, first_row, revealed, window

SEEDS = (6, 7)
CONFIG = Config(batch_size=6, chunk=3, hidden=(4,))
ROOM = 16
# Rows of a seed are marked by observations beyond the data's, hundreds apart.
MARK = 100
PIECES = (1, 3, 1, 6)  # rows written at a time; the last episode goes on
ENDS = ((2, 4), (0, 6))  # last rows of each seed's episodes
STEPS = 50


def experience(seed: int, rows: int) -> Transitions:
    """The first rows that seed number `seed` meets."""
    rng, at = np.random.default_rng(seed), np.arange(sum(PIECES), dtype=np.float32)
    marks = at + MARK * (seed + 1)
    whole = {
        "observations": np.stack([marks / 16.0, 0.5 - at / 64.0], axis=1),
        "actions": rng.uniform(-1, 1, (len(at), 1)),
        "next_observations": np.stack([marks / 16.0 + 1.0 / 32.0, 0.25 - at / 64.0], axis=1),
        "rewards": rng.standard_normal(len(at)),
        "masks": (at % 3 != 1).astype(np.float32),
        "terminals": np.isin(at, ENDS[seed]).astype(np.float32),
    }
    return Transitions(**{name: np.asarray(part[:rows], np.float32) for name, part in whole.items()})


def piece(begin: int, end: int) -> Transitions:
    """Rows of all seeds, with the seed axis."""
    each = [experience(seed, end) for seed in range(len(SEEDS))]
    return Transitions(*(np.stack(parts)[:, begin:end] for parts in zip(*each, strict=True)))


def build(framework: Backend, chunk: int, **options: Any) -> Any:
    config, sizes = replace(CONFIG, chunk=chunk), SIZES._replace(action=chunk)
    return framework.engine.Engine(WINDOW, config, sizes, TRANSITIONS, SEEDS, device=framework.device, **options)


def places(batch: Batch, seed: int, chunk: int, filled: int) -> list[tuple[bool, int]]:
    """Of each window of a seed whether it is its own and where it starts; every field equals the window by hand."""
    found = []
    for row in range(CONFIG.batch_size):
        start = int(first_row(batch.observations[seed][row]))
        own = start >= MARK
        start -= own * MARK * (seed + 1)
        data = experience(seed, filled) if own else TRANSITIONS
        for name, value in window(start, chunk, CONFIG.discount, data)._asdict().items():
            assert_close(getattr(batch, name)[seed][row], value, "reduction", f"{name} at {start}", "float32")
        found.append((own, start))
    return found


@pytest.mark.parametrize("balanced", [False, True], ids=["all alike", "balanced"])
@pytest.mark.parametrize("chunk", [1, 3])
@check("ENGINE", "windows of a seed's experience: what it wrote and nothing else, never across the seam, in shares")
def test_windows_of_experience(framework: Backend, chunk: int, balanced: bool) -> None:
    """After every piece that is written, beside windows by hand; the seam with the data is crossed by none."""
    trainer = build(framework, chunk, room=ROOM, balanced=balanced)
    filled, data_windows = 0, len(TRANSITIONS.rewards) - chunk + 1
    for rows in PIECES:
        trainer.write(piece(filled, filled + rows))
        filled += rows
        own_windows = max(filled - chunk + 1, 0)
        batches = [trainer.drawn(step)[0] for step in range(STEPS)]
        for seed in range(len(SEEDS)):
            met = [places(batch, seed, chunk, filled) for batch in batches]
            if balanced:
                half = CONFIG.batch_size // 2 if own_windows else CONFIG.batch_size
                assert all([own for own, _ in batch] == [at >= half for at in range(len(batch))] for batch in met)
            windows = [place for batch in met for place in batch]
            share = (0.5 if own_windows else 0.0) if balanced else own_windows / (own_windows + data_windows)
            # Ten standard deviations: with this share of windows drawn one in 10²² runs is outside.
            bound = 10 * np.sqrt(share * (1 - share) / len(windows))
            assert_at_most(abs(np.mean([own for own, _ in windows]) - share), bound, "share of experience")
            if filled == sum(PIECES):
                assert {start for own, start in windows if own} == set(range(own_windows))
                assert {start for own, start in windows if not own} == set(range(data_windows))


@pytest.mark.parametrize("balanced", [False, True], ids=["all alike", "balanced"])
@check("ENGINE", "losses see the experience that the engine says it draws; without any they see what ever they saw")
def test_training_on_experience(framework: Backend, balanced: bool) -> None:
    """Beside the metrics of a loss that shows its batch, before and after rows are written."""
    plain, trainer = build(framework, 3), build(framework, 3, room=ROOM, balanced=balanced)
    state, filled = trainer.initial(), 0
    for step, rows in enumerate((0, 5, 1)):
        if rows:
            trainer.write(piece(filled, filled + rows))
            filled += rows
        batch, _ = trainer.drawn(step)
        if not rows:
            assert all(np.array_equal(mine, theirs) for mine, theirs in zip(batch, plain.drawn(step)[0], strict=True))
        state, metrics = trainer.run(state, 1)
        for seed in range(len(SEEDS)):
            shown = revealed(metrics, seed, CONFIG, SIZES._replace(action=3))
            for name, value in batch._asdict().items():
                assert_exact(np.ravel(value[seed]), np.ravel(shown[f"batch.{name}"]), name)


@check("ENGINE", "experience that does not fit is refused, and what was written stays")
def test_experience_that_does_not_fit(framework: Backend) -> None:
    """Too many rows, rows of another number of seeds, rows where there is no room at all."""
    trainer = build(framework, 1, room=4)
    trainer.write(piece(0, 3))
    before = trainer.drawn(0)[0]
    with pytest.raises(UsageError, match="2 more after 3 do not fit the engine's room of 4"):
        trainer.write(piece(3, 5))
    with pytest.raises(ShapeError, match=r"\(2, n, ...\)"):
        trainer.write(Transitions(*(part[:1] for part in piece(3, 4))))
    with pytest.raises(UsageError, match="room of 0"):
        build(framework, 1).write(piece(0, 1))
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(before, trainer.drawn(0)[0], strict=True))


@check("ENGINE", "experience that is forgotten is drawn no more, and rows written after it stand in its place")
def test_forgotten_experience(framework: Backend) -> None:
    """Four rows, then all of them, then four again, then all again; forgetting more than there is changes nothing."""
    trainer = build(framework, 1, room=sum(PIECES))

    def drawn() -> list[Batch]:
        return [trainer.drawn(step)[0] for step in range(STEPS)]

    def same(these: list[Batch], those: list[Batch]) -> bool:
        fields = zip(itertools.chain(*these), itertools.chain(*those), strict=True)
        return all(np.array_equal(mine, other) for mine, other in fields)

    trainer.write(piece(0, 4))
    few = drawn()
    trainer.write(piece(4, sum(PIECES)))
    many = drawn()
    assert not same(few, many)
    trainer.forget(4)
    assert same(few, drawn())
    trainer.forget(sum(PIECES))
    assert same(few, drawn())
    trainer.write(piece(4, sum(PIECES)))
    assert same(many, drawn())
