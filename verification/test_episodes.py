"""Windows drawn by episode, as RQL draws them: which starts there are, how often each is drawn, and when twice."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from veloq.core.engine import Transitions
from veloq.core.episodes import episodes_of
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.probes import WINDOW, Config
from veloq.verification.profiles import examples
from veloq.verification.windows_by_hand import ENDS, SIZES, TRANSITIONS, first_row, window

CONFIG = Config(batch_size=3, chunk=3, hidden=(4,))
BY_EPISODE = replace(WINDOW, by_episode=True)
SEEDS = (6, 7)
STEPS = 400
FALSE_ALARM = 1e-6


def starts_by_hand(terminals: Any, chunk: int) -> list[list[int]]:
    """Row by row: the starts of every episode that has any."""
    found, begin, rows = [], 0, len(terminals)
    for row, terminal in enumerate(terminals):
        if terminal or row == rows - 1:
            candidates = list(range(begin, row)) or [begin]
            found.append([start for start in candidates if start + chunk <= rows])
            begin = row + 1
    return [starts for starts in found if starts]


@functools.lru_cache(maxsize=2)
def drawn(backend: Backend, batch_size: int, chunk: int = CONFIG.chunk) -> list[Any]:
    """The batches of every step."""
    config, sizes = replace(CONFIG, batch_size=batch_size, chunk=chunk), SIZES._replace(action=chunk)
    trainer = backend.engine.Engine(BY_EPISODE, config, sizes, TRANSITIONS, SEEDS, device=backend.device)
    return [trainer.drawn(step)[0] for step in range(STEPS)]


@given(ends=st.lists(st.booleans(), min_size=3, max_size=20), chunk=st.sampled_from([1, 2, 3]))
@settings(max_examples=examples(200))
@check("ENGINE", "windows by episode may start at every row but an episode's last, as far as the data reaches")
def test_starts_of_episodes(ends: list[bool], chunk: int) -> None:
    """Beside a walk along the rows; the last episode may not be ended."""
    first, starts = episodes_of(np.array(ends, np.float32), chunk)
    found = [list(range(begin, begin + count)) for begin, count in zip(first, starts, strict=True)]
    assert found == starts_by_hand(ends, chunk)


@pytest.mark.parametrize("batch_size", [3, 6])
@check("ENGINE", "windows by episode are windows, from episodes drawn uniformly and at starts drawn uniformly in them")
def test_windows_by_episode(framework: Backend, batch_size: int) -> None:
    """Chi-squared over episodes and over the starts of each; in a small batch no episode comes twice."""
    episodes = starts_by_hand(TRANSITIONS.terminals, CONFIG.chunk)
    assert [len(starts) for starts in episodes] == [1, 3, 1, 3, 1]
    owner = {start: number for number, starts in enumerate(episodes) for start in starts}
    met, repeated = [], False
    for batch in drawn(framework, batch_size):
        for seed in range(len(SEEDS)):
            starts = [int(start) for start in first_row(batch.observations[seed])]
            for row, start in enumerate(starts):
                for name, value in window(start, CONFIG.chunk, CONFIG.discount)._asdict().items():
                    found = getattr(batch, name)[seed][row]
                    assert_close(found, value, "reduction", f"{name} at {start}", "float32")
            owners = [owner[start] for start in starts]
            repeated = repeated or len(set(owners)) < len(owners)
            met += starts
    # Three of five episodes are drawn without repetition, six of five with it.
    assert repeated == (batch_size > len(episodes))
    counts = np.bincount([owner[start] for start in met], minlength=len(episodes))
    assert_at_most(FALSE_ALARM, stats.chisquare(counts).pvalue, "uniform episodes")
    for starts in episodes:
        if len(starts) > 1:
            within = [met.count(start) for start in starts]
            assert_at_most(FALSE_ALARM, stats.chisquare(within).pvalue, f"uniform starts of {starts}")


@check("ENGINE", "draws by episode are fresh in every step and for every seed, and a place in a batch says nothing")
def test_draws_by_episode_are_fresh(framework: Backend) -> None:
    """Episodes of neighbouring steps, of the two seeds and of neighbouring places coincide as often as by chance."""
    batches = drawn(framework, 6)
    ends = np.array(ENDS)
    of = np.array(
        [[np.searchsorted(ends, first_row(batch.observations[seed])) for seed in (0, 1)] for batch in batches]
    )
    for name, mine, others in (
        ("neighbouring steps", of[1:], of[:-1]),
        ("two seeds", of[:, 0], of[:, 1]),
        ("neighbouring places", of[..., 1:], of[..., :-1]),
    ):
        same = mine == others
        bound = 6 * np.sqrt(0.2 * 0.8 / same.size)
        assert_at_most(abs(same.mean() - 0.2), bound, f"coincidences of {name}")


@check("ENGINE", "beside experience the data's share of windows is drawn by episode still")
def test_experience_beside_episodes(framework: Backend) -> None:
    """Nothing changes before a window is written; then its rows come in their share, and the data's starts stay."""
    sizes, rows = SIZES._replace(action=3), 8
    options: dict[str, Any] = {"device": framework.device, "room": 10}
    trainer = framework.engine.Engine(BY_EPISODE, CONFIG, sizes, TRANSITIONS, SEEDS, **options)
    for before, plain in zip([trainer.drawn(step)[0] for step in range(3)], drawn(framework, 3), strict=False):
        assert_exact(before.observations, plain.observations)
    own = TRANSITIONS._replace(observations=TRANSITIONS.observations + 100.0)
    trainer.write(Transitions(*(np.stack([part[:rows]] * len(SEEDS)) for part in own)))
    allowed = {start for starts in starts_by_hand(TRANSITIONS.terminals, 3) for start in starts}
    met = np.concatenate([first_row(trainer.drawn(step)[0].observations).ravel() for step in range(STEPS)])
    from_own = met >= 16 * 100
    assert set(met[~from_own].tolist()) == allowed
    assert set((met[from_own] - 16 * 100).tolist()) == set(range(rows - 2))
    share = (rows - 2) / (rows - 2 + len(TRANSITIONS.rewards) - 2)
    assert_at_most(abs(from_own.mean() - share), 6 * np.sqrt(share * (1 - share) / met.size), "share of experience")
