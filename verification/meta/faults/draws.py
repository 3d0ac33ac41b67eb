"""Faults in an engine's windows and noise."""

from ..method_fault import engine_fault

WINDOWS = "test_engines.test_batches_are_windows"
FRESH = "test_engines.test_draws_are_fresh"
LAWS = "test_engines.test_draws_have_their_laws"
SEEDS = "test_engines.test_seeds_are_independent"
FIRST = "test_engines.test_first_state"

DRAWS = (
    engine_fault(
        "the last window is never drawn",
        "off by one",
        WINDOWS,
        jax=("experience.draw", "(key, batch_size, of_data) if", "(key, batch_size, of_data - 1) if"),
        torch=("batches._of", "torch.randint(high,", "torch.randint(high - 1,"),
    ),
    engine_fault(
        "the next observation is the first row's",
        "off by one",
        WINDOWS,
        jax=("batches.window_batch", "data.next_observations[last]", "data.next_observations[start]"),
        torch=("batches.window_batch", "columns.next_observations[found.last]", "columns.next_observations[starts]"),
    ),
    engine_fault(
        "the next observation is of another episode",
        "mask",
        WINDOWS,
        jax=("batches.described", "jnp.where(ended, first_end, chunk - 1)", "chunk - 1"),
        torch=("batches.described", "(chunk - 1 - invalid).long()", "(chunk - 1 - 0 * invalid).long()"),
    ),
    engine_fault(
        "the last row that counts is one too late",
        "off by one",
        WINDOWS,
        jax=("batches.described", "jnp.where(ended, first_end,", "jnp.where(ended, first_end + 1,"),
        torch=("batches.described", "- invalid).long()", "- (invalid - 1).clamp(min=0)).long()"),
    ),
    engine_fault(
        "the chunk's actions are the first, repeated",
        "window",
        WINDOWS,
        jax=(
            "batches.window_batch",
            "data.actions[start[:, None] + steps]",
            "data.actions[start[:, None] + 0 * steps]",
        ),
        torch=("batches.window_batch", "(size, 1)", "(size, 0)"),
    ),
    engine_fault(
        "rewards are discounted by a constant",
        "factor",
        WINDOWS,
        jax=("batches.described", "terminals[index], discount)", "terminals[index], 0.99)"),
        torch=("batches.described", "ends, discount)", "ends, 0.99)"),
    ),
    engine_fault(
        "the next actions begin one row late",
        "off by one",
        WINDOWS,
        jax=("batches.described", "jnp.minimum(last + 1, rows - chunk)", "jnp.minimum(last + 2, rows - chunk)"),
        torch=("batches.described", "(last + 1).clamp", "(last + 2).clamp"),
    ),
    engine_fault(
        "the next actions of another episode are valid",
        "mask",
        WINDOWS,
        jax=("batches.described", " & (terminals[last] == 0)", ""),
        torch=("batches.described", " & (columns.terminals[last] == 0)", ""),
    ),
    engine_fault(
        "next actions that leave the episode are valid",
        "mask",
        WINDOWS,
        jax=("batches.described", "(follows & ~jnp.any(later_ends, axis=1))", "follows"),
        torch=("batches.described", "(follows & (later_ends == 0))", "follows"),
    ),
    engine_fault(
        "the step after an episode's end counts as valid",
        "off by one",
        WINDOWS,
        jax=("batches.window_batch", "steps <= (last - start)", "steps <= 1 + (last - start)"),
        torch=("batches.window_batch", "steps <= (found.last - starts)", "steps <= 1 + (found.last - starts)"),
    ),
    engine_fault(
        "the same draw in every step",
        "noise",
        FRESH,
        jax=("programs._drawn", "fold_in(key, step)", "fold_in(key, 0)"),
        torch=("batches.begin", "generator_seed(seed, step)", "generator_seed(seed, 0)"),
    ),
    engine_fault(
        "the same draw for every seed",
        "noise",
        FRESH,
        jax=("batches.keys", "for seed in seeds]", "for seed in [0] * len(seeds)]"),
        torch=("batches.begin", "generator_seed(seed, step)", "generator_seed(0, step)"),
    ),
    engine_fault(
        "seed and step are added",
        "noise",
        FRESH,
        jax=(
            "programs._drawn",
            "jax.random.fold_in(key, step)",
            "jax.random.fold_in(jax.random.key(0), jax.random.key_data(key)[1].astype(jnp.int32) // 5 + step)",
        ),
        torch=("batches.begin", "generator_seed(seed, step)", "generator_seed(0, seed // 5 + step)"),
    ),
    engine_fault(
        "the same draw for every name",
        "noise",
        FRESH,
        jax=("batches.draw_noise", "piece.reshape(named[name])", "flat[: piece.size].reshape(named[name])"),
        torch=(
            "batches._of",
            "sample = torch.randn",
            "generator.manual_seed(generator.initial_seed())\n            sample = torch.randn",
        ),
    ),
    engine_fault(
        "uniform noise is normal",
        "noise",
        LAWS,
        jax=("batches.draw_noise", "jax.random.uniform", "jax.random.normal"),
        torch=("batches._of", "else torch.rand", "else torch.randn"),
    ),
    engine_fault(
        "normal noise of variance two",
        "noise",
        LAWS,
        jax=("batches.draw_noise", "drawn |= {name: piece.reshape", "drawn |= {name: 1.4 * piece.reshape"),
        torch=("batches._of", "values[name] = sample(", "values[name] = 1.4 * sample("),
    ),
    engine_fault(
        "a seed's draws depend on its place",
        "seed",
        SEEDS,
        jax=(
            "batches.keys",
            "[[seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF] for seed in seeds]",
            "[[seeds.index(seed), seed & 0xFFFFFFFF] for seed in seeds]",
        ),
        torch=(
            "batches.begin",
            "generator_seed(seed, step)",
            "generator_seed(seed + self.generators.index(generator), step)",
        ),
    ),
    engine_fault(
        "all seeds start from the same parameters",
        "seed",
        FIRST,
        jax=("engine.initial", "initial_parameters(*each)", "initial_parameters(each[0], 0)"),
        torch=("engine.initial", "initial_parameters(*each)", "initial_parameters(each[0], 0)"),
    ),
)
