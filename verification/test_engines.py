"""What the engines do around a loss: parameters bound, Adam, clipping, averages, windows, noise, seeds, states."""

import functools
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from veloq.core.algorithm import Algorithm
from veloq.core.engine import Transitions
from veloq.core.hyper_parameters import with_numbers
from veloq.core.networks import Forest, initial_parameters
from veloq.verification.adam import trajectory
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import BACKENDS, Backend
from veloq.verification.check import check
from veloq.verification.method_cases import data_for, drift, method_case, pinned
from veloq.verification.probes import GAINED, PROBE, QUIET, RESTATED, STEEP, WINDOW, Config, act_by_hand, behave_by_hand
from veloq.verification.profiles import examples
from veloq.verification.restatement import arguments, assert_restated
from veloq.verification.windows_by_hand import SIZES, TRANSITIONS, first_row, revealed, window

SEEDS = (6, 7)  # neighbours: a seed's last bit counts, and no seed is another one a step later
STEPS = 5
RATE = 0.05  # large: gradients then change from step to step, without which Adam forgives a wrong scale
DRAWS = 300
FALSE_ALARM = 1e-6
# A row whose reward is not a number, and what the only loss that reads rewards changes.
PLANTED, SKIPPED_STEPS = 4, 8
LOUD = tuple(
    f"{part}/{name}" for part in ("online", "adam_first/loud", "adam_second/loud") for name in ("ensemble", "number/")
)
# Every number of the probe, and a seed that comes twice.
SWEPT_SEEDS = (6, 6, 7)
SWEEP = (
    {"learning_rate": 1e-2, "target_rate": 0.3, "slow_rate": 0.1, "faint_rate": 2e-2, "faint_norm": 1e-6, "gain": 1.0},
    {"learning_rate": 2e-2, "target_rate": 0.6, "slow_rate": 0.3, "faint_rate": 5e-2, "faint_norm": 3e-6, "gain": 2.0},
    {"learning_rate": 5e-3, "target_rate": 0.1, "slow_rate": 0.2, "faint_rate": 1e-2, "faint_norm": 2e-6, "gain": 0.5},
)
CONFIG = Config(batch_size=5, chunk=3, hidden=(4,))  # small, no two sizes the same: JAX compiles an engine in seconds


@functools.lru_cache(maxsize=6)
def engine(backend: Backend, algorithm: str, seeds: tuple[int, ...], chunk: int = CONFIG.chunk) -> Any:
    """An engine on the small data set, compiled once for all tests of one backend."""
    method = {each.name: each for each in (PROBE, WINDOW)}[algorithm]
    return build(backend, method, replace(CONFIG, chunk=chunk), seeds)


def build(
    backend: Backend,
    method: Algorithm,
    config: Config,
    seeds: tuple[int, ...],
    data: Transitions = TRANSITIONS,
    **options: Any,
) -> Any:
    """An engine on the small data set."""
    sizes = SIZES._replace(action=config.chunk)
    return backend.engine.Engine(method, config, sizes, data, seeds, device=backend.device, **options)


def acting_inputs(seeds: int) -> tuple[Any, dict[str, Any]]:
    """Observations and noise of six decisions of every seed."""
    rng = np.random.default_rng(0)
    shapes = [(seeds, 6, size) for size in (SIZES.observation, SIZES.action)]
    s, z = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return s, {"z": z}


@functools.lru_cache(maxsize=6)
def shown(
    backend: Backend, seeds: tuple[int, ...], steps: int = DRAWS, chunk: int = CONFIG.chunk
) -> list[list[dict[str, Any]]]:
    """The batch and noise of every step and seed."""
    trainer = engine(backend, WINDOW.name, seeds, chunk)
    state, steps_shown = trainer.initial(), []
    for _ in range(steps):
        state, metrics = trainer.run(state, 1)
        sizes = SIZES._replace(action=chunk)
        steps_shown.append([revealed(metrics, seed, CONFIG, sizes) for seed in range(len(seeds))])
    return steps_shown


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(10))
@check("ENGINE", "networks of every form, bound online, frozen and averaged, equal a by-hand one, and so do gradients")
def test_networks_and_routing(backend: Backend, seed: int) -> None:
    """Ensembles, norms, several heads, no hidden layer, a number; what is not trained gets exactly zero."""
    for update, restated in RESTATED.items():
        case = method_case(PROBE, seed)
        assert_restated(backend, case, update, restated, seed)


@check("ENGINE", "the gradient of `loss_and_gradients`, entry by entry, is that of the networks by hand")
def test_gradient_entry_by_entry(backend: Backend) -> None:
    """On the reference one evaluation for each parameter, so one case."""
    for update, restated in RESTATED.items():
        assert_restated(backend, method_case(PROBE, 0), update, restated, 0, entrywise=True)


@pytest.mark.parametrize("probe", [PROBE, QUIET], ids=lambda probe: probe.name)
@check("ENGINE", "Adam, joint clipping, averages before and after the step, rare updates: as a float64 NumPy Adam does")
def test_updates(framework: Backend, probe: Algorithm) -> None:
    """Gradients longer than the clip norm and shorter, and some of the size of Adam's epsilon."""
    case = method_case(probe, 5, hidden=(4,), learning_rate=RATE)
    start = initial_parameters(probe.declared(case.config, case.dimensions), 5)

    def gradient(update: str, online: Forest, target: Forest) -> Forest:
        moved = case._replace(online=online, target=target)
        result: Forest = BACKENDS["reference"].engine.loss_and_gradients(*arguments(moved, update)).gradients
        return result

    arrived = trajectory(probe, case.config, start, gradient, STEPS)
    build = framework.engine.Engine
    trainer = build(pinned(case), case.config, case.dimensions, data_for(case), (5,), device=framework.device)
    flat = trainer.export(trainer.run(trainer.initial(), STEPS)[0])
    for part, forest in (("online", arrived.online), ("target", arrived.target)):
        for network, tree in forest.items():
            for name, value in tree.items():
                what = f"{probe.name} {part} {network}.{name} on {framework.name}"
                allowed = drift(case, value, STEPS)
                assert_at_most(np.abs(flat[f"{part}/{network}/{name}"][0] - value), allowed, what)
    for moment in ("first", "second"):
        for update, forest in getattr(arrived, moment).items():
            for network, tree in forest.items():
                for name, value in tree.items():
                    got = flat[f"adam_{moment}/{update}/{network}/{name}"][0]
                    what = f"{probe.name} {moment} moment of {network}.{name} on {framework.name}"
                    assert_at_most(np.abs(got - value), 1e-3 * np.max(np.abs(value)), what)


@check("ENGINE", "a run starts from its seeds' initial parameters, averages equal to them, moments of what is trained")
def test_first_state(framework: Backend) -> None:
    """Exactly, and nothing more is in the state; what no update trains never moves."""
    trainer = engine(framework, PROBE.name, SEEDS)
    flat = trainer.export(trainer.initial())
    moments = {f"{update.name}/{network}" for update in PROBE.updates for network in update.trains}
    declared = PROBE.declared(CONFIG, SIZES)
    groups = {f"online/{network}" for network in declared} | {f"target/{network}" for network in PROBE.averages}
    groups |= {f"adam_{moment}/{name}" for moment in ("first", "second") for name in moments}
    assert {key.rpartition("/")[0] for key in flat} == groups | {""}
    later = trainer.export(trainer.run(trainer.initial(), 2)[0])
    for index, seed in enumerate(SEEDS):
        forest = initial_parameters(declared, seed)
        for key, value in flat.items():
            if key == "step":
                continue
            *part, network, name = key.split("/")
            first = forest[network][name] if len(part) == 1 else np.zeros(value[index].shape, np.float32)
            assert_exact(value[index], first, key)
            if part == ["online"]:
                assert np.array_equal(later[key], value) == (network == "idle"), key


@pytest.mark.parametrize(("chunk", "steps"), [(1, 40), (2, 40), (CONFIG.chunk, DRAWS)])
@check("ENGINE", "every batch is made of windows of the data: chunk, return, mask, validity, last valid next row")
def test_batches_are_windows(framework: Backend, chunk: int, steps: int) -> None:
    """Windows that end before, at and after an episode's end, beside the window by hand."""
    met = set()
    for seeds in shown(framework, SEEDS, steps, chunk):
        for batch in seeds:
            for row in range(CONFIG.batch_size):
                start = int(first_row(batch["batch.observations"][row]))
                met.add(start)
                for name, value in window(start, chunk, CONFIG.discount)._asdict().items():
                    assert_close(batch[f"batch.{name}"][row], value, "reduction", f"{name} at {start}", "float32")
    assert met == set(range(len(TRANSITIONS.rewards) - chunk + 1))


@check("ENGINE", "an update that does not read what it trains leaves it alone, and may train and clip a single number")
def test_unread_parameters_stay(framework: Backend) -> None:
    """The other numbers move, so the run did train."""
    trainer = engine(framework, WINDOW.name, SEEDS)
    flat = trainer.export(trainer.run(trainer.initial(), 2)[0])
    assert_exact(flat["online/unread/value"], np.full(len(SEEDS), 0.25, np.float32))
    assert np.all(flat["online/number/value"] < 0.5)
    assert np.all(flat["online/alone/value"] < 0.75)


@check("ENGINE", "windows start uniformly; noise is standard normal or uniform on [0, 1) as declared")
def test_draws_have_their_laws(framework: Backend) -> None:
    """Chi-squared and Kolmogorov-Smirnov; each has a false alarm in a million seeds."""
    draws = [seed for step in shown(framework, SEEDS) for seed in step]
    starts = np.concatenate([first_row(draw["batch.observations"]) for draw in draws])
    count = len(TRANSITIONS.rewards) - CONFIG.chunk + 1
    assert_at_most(FALSE_ALARM, stats.chisquare(np.bincount(starts, minlength=count)).pvalue, "uniform starts")
    for name, law in (("wide", "norm"), ("other", "norm"), ("time", "uniform")):
        values = np.concatenate([draw[f"noise.{name}"].ravel() for draw in draws])
        assert_at_most(FALSE_ALARM, stats.kstest(values, law).pvalue, f"{name} is {law}")
        assert law == "norm" or (values.min() >= 0.0 and values.max() < 1.0)


@check("ENGINE", "noise and windows are fresh in every step, for every seed and for every name")
def test_draws_are_fresh(framework: Backend) -> None:
    """Correlations of what must be independent, six standard errors at most: one false alarm in 5e8 each."""
    draws = {
        name: np.array([[seed[name].ravel() for seed in step] for step in shown(framework, SEEDS)])
        for name in ("noise.wide", "noise.other", "noise.time")
    }
    draws["start"] = np.array([[seed["batch.observations"][:, 0] for seed in step] for step in shown(framework, SEEDS)])
    for name, values in draws.items():
        assert_uncorrelated(values[1:], values[:-1], f"{name} of neighbouring steps")
        assert_uncorrelated(values[:, 0], values[:, 1], f"{name} of two seeds")
        assert_uncorrelated(values[1:, 0], values[:-1, 1], f"{name} of two seeds, a step apart")
    for first, second in itertools.combinations(draws, 2):
        width = min(draws[first].shape[-1], draws[second].shape[-1])
        for part in (slice(None, width), slice(-width, None)):
            assert_uncorrelated(draws[first][..., part], draws[second][..., part], f"{first} and {second}")


def assert_uncorrelated(first: Any, second: Any, what: str) -> None:
    """The correlation of two equally shaped samples is at most six standard errors."""
    a, b = (np.ravel(value).astype(float) for value in (first, second))
    assert_at_most(abs(np.corrcoef(a, b)[0, 1]), 6.0 / np.sqrt(a.size), what)


@check("ENGINE", "a seed's batches, noise and training depend neither on the seeds beside it nor on their order")
def test_seeds_are_independent(framework: Backend) -> None:
    """Draws to the last bit; training as far as float32 goes."""
    together, alone = shown(framework, SEEDS), shown(framework, SEEDS[1:], STEPS)
    for both, single in zip(together, alone, strict=False):
        for name, value in single[0].items():
            assert_exact(both[1][name], value, name)
    runs = [engine(framework, PROBE.name, seeds) for seeds in (SEEDS, SEEDS[1:])]
    pair, lone = (trainer.export(trainer.run(trainer.initial(), STEPS)[0]) for trainer in runs)
    case = method_case(PROBE, 0, learning_rate=CONFIG.learning_rate, hidden=CONFIG.hidden)
    for key, value in lone.items():
        if key.startswith(("online", "target")):
            assert_at_most(np.abs(pair[key][1] - value[0]), drift(case, value[0], STEPS), key)


@check("ENGINE", "each seed of a sweep trains and acts with its own numbers")
def test_sweep(framework: Backend) -> None:
    """Beside engines of one seed whose config has those numbers; one seed comes twice and draws the same."""
    swept = build(framework, GAINED, CONFIG, SWEPT_SEEDS, varied=SWEEP)
    state, metrics = swept.run(swept.initial(), STEPS)
    flat, acted = swept.export(state), swept.act(state, *acting_inputs(len(SWEEP)))
    for index, (seed, varied) in enumerate(zip(SWEPT_SEEDS, SWEEP, strict=True)):
        config = with_numbers(CONFIG, varied)
        lone = build(framework, GAINED, config, (seed,))
        alone, measured = lone.run(lone.initial(), STEPS)
        case = method_case(PROBE, 0, learning_rate=config.learning_rate, hidden=config.hidden)
        for key, value in lone.export(alone).items():
            if key.startswith(("online", "target")):
                assert_at_most(np.abs(flat[key][index] - value[0]), drift(case, value[0], STEPS), key)
        assert metrics.keys() == measured.keys()
        s, noise = acting_inputs(len(SWEEP))
        wanted = lone.act(alone, s[index : index + 1], {"z": noise["z"][index : index + 1]})
        assert_close(acted[index], wanted[0], "network", "action", "float32")


@pytest.mark.parametrize("probe", [PROBE, STEEP], ids=["loss", "gradient"])
@check("ENGINE", "with skip, a loss or gradient that is NaN moves nothing of its seed; everything else moves as ever")
def test_skip(framework: Backend, probe: Algorithm) -> None:
    """NaN in a reward, or in the gradient of a root; each step beside a step of an engine that skips nothing."""
    rewards = TRANSITIONS.rewards.copy()
    rewards[PLANTED] = np.nan if probe is PROBE else 0.0
    data = TRANSITIONS._replace(rewards=rewards)
    skipping = build(framework, probe, CONFIG, SEEDS, data, skip=True)
    plain = build(framework, probe, CONFIG, SEEDS, data)
    case = method_case(PROBE, 0, learning_rate=CONFIG.learning_rate, hidden=CONFIG.hidden)
    state, seen = skipping.initial(), []
    for step in range(SKIPPED_STEPS):
        before = skipping.export(state)
        batch = skipping.drawn(step)[0]
        bad = np.isnan(batch.rewards).any(axis=1) if probe is PROBE else batch.masks[:, 0] == 0.0
        seen.extend(bad)
        wanted = plain.export(plain.run(plain.restore(before), 1)[0])
        state, metrics = skipping.run(state, 1)
        after = skipping.export(state)
        assert_exact(np.asarray(metrics["skipped"], np.float32), bad.astype(np.float32), f"skips of step {step}")
        assert all(skipping.finite(state))
        for seed, met in enumerate(bad):
            for name in after.keys() - {"step"}:
                if met and name.startswith(LOUD):
                    assert_exact(after[name][seed], before[name][seed], f"{name} of a skipped step")
                else:
                    bound = drift(case, wanted[name][seed], 1)
                    assert_at_most(np.abs(after[name][seed] - wanted[name][seed]), bound, name)
    assert any(seen)
    assert not all(seen)


@check("ENGINE", "a parameter that is not finite is seen, in the seed that has it")
def test_finite(framework: Backend) -> None:
    """NaN and infinity, in a parameter, an average or a moment that no metric shows."""
    trainer = engine(framework, PROBE.name, SEEDS)
    flat = trainer.export(trainer.initial())
    assert trainer.finite(trainer.restore(flat)).tolist() == [True, True]
    for name in ("online/idle/hidden_0.kernel", "target/pair/hidden_0.bias", "adam_second/faint/line/out.bias"):
        for value in (np.nan, np.inf):
            planted = {**flat, name: flat[name].copy()}
            planted[name][1].flat[0] = value
            assert trainer.finite(trainer.restore(planted)).tolist() == [True, False], name


@check("ENGINE", "what an engine says it draws is what its losses see")
def test_drawn(framework: Backend) -> None:
    """Beside the metrics of a loss that shows its batch and noise."""
    trainer = engine(framework, WINDOW.name, SEEDS)
    for step, seeds in enumerate(shown(framework, SEEDS)[:STEPS]):
        batch, noise = trainer.drawn(step)
        for index, met in enumerate(seeds):
            for name, value in met.items():
                kind, field = name.split(".", 1)
                found = getattr(batch, field) if kind == "batch" else noise[field]
                assert_exact(np.ravel(found[index]), np.ravel(value), name)


@check("ENGINE", "seeds that differ only above 32 bits draw differently")
def test_large_seeds(framework: Backend) -> None:
    """A seed may come from a clock or a hash."""
    first = shown(framework, (7, 7 + 2**32), 1)[0]
    for name in ("noise.wide", "noise.other", "noise.time"):
        assert not np.any(first[0][name] == first[1][name]), name


@check("ENGINE", "splitting a run over calls, or saving and restoring it between rare updates, changes no bit")
def test_runs_may_be_split(framework: Backend) -> None:
    """Metrics are means over the updates in which they were computed."""
    trainer = engine(framework, PROBE.name, SEEDS)
    whole, means = trainer.run(trainer.initial(), STEPS)
    state, singles = trainer.initial(), []
    for _ in range(STEPS):
        state, metrics = trainer.run(trainer.restore(trainer.export(state)), 1)
        singles.append(metrics)
    parts = trainer.export(state)
    for key, value in trainer.export(whole).items():
        assert_exact(parts[key], value, key)
    for name, mean in means.items():
        seen = [np.asarray(metrics[name], np.float32) for metrics in singles if name in metrics]
        assert len(seen) == (STEPS // 2 if name in ("faint", "out", "staged") else STEPS), name
        assert_close(np.asarray(mean, np.float32), np.mean(seen, axis=0), "reduction", name, "float32")


@check("ENGINE", "the engine acts and behaves with each seed's own parameters and averages")
def test_actions(framework: Backend) -> None:
    """Beside a policy by hand, after some updates."""
    trainer = engine(framework, PROBE.name, SEEDS)
    state, _ = trainer.run(trainer.initial(), STEPS)
    flat = trainer.export(state)
    s, noise = acting_inputs(len(SEEDS))
    acted, behaved = trainer.act(state, s, noise), trainer.behave(state, s, noise)
    z = noise["z"]
    for index in range(len(SEEDS)):
        online, target = forest_of(flat, "online", index), forest_of(flat, "target", index)
        wanted = act_by_hand(CONFIG, online, target, s[index], z[index])
        assert_close(acted[index], wanted, "network", "action", "float32")
        wanted = behave_by_hand(CONFIG, online, target, s[index], z[index])
        assert_close(behaved[index], wanted, "network", "behaviour", "float32")


def forest_of(flat: dict[str, Any], part: str, index: int) -> Forest:
    """One seed's parameters out of a flat state, in float64."""
    forest: Forest = {}
    for key, value in flat.items():
        if key.startswith(f"{part}/"):
            _, network, name = key.split("/")
            forest.setdefault(network, {})[name] = value[index].astype(np.float64)
    return forest
