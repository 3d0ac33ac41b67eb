"""Faults in an engine's step: averages, schedules, Adam, clipping, order."""

from ..method_fault import engine_fault

UPDATES = "test_engines.test_updates"
SEEDS = "test_engines.test_seeds_are_independent"

OPTIMISER = (
    engine_fault(
        "averages before the step see the parameters after it",
        "average",
        UPDATES,
        jax=("updates.advance", 'state.online[name] if average.when == "before" else online[name]', "online[name]"),
        torch=("optimiser.due", "average.when == when", 'when == "after"'),
    ),
    engine_fault(
        "averages after the step see the parameters before it",
        "average",
        UPDATES,
        jax=("updates.advance", 'if average.when == "before" else online[name]', "if True else online[name]"),
        torch=("optimiser.due", "average.when == when", 'when == "before"'),
    ),
    engine_fault(
        "one minus the target rate",
        "factor",
        UPDATES,
        jax=("updates._averaged", "rate, 0.0)", "1.0 - rate, 0.0)"),
        torch=("optimiser.move_average", "online[name], weight)", "online[name], 1.0 - weight)"),
    ),
    engine_fault(
        "averages are taken in every update",
        "schedule",
        UPDATES,
        jax=("updates._averaged", "count % average.every == 0", "count % 1 == 0"),
        torch=("optimiser.due", "(step + 1) % average.every == 0", "True"),
    ),
    engine_fault(
        "rare updates run one step early",
        "schedule",
        UPDATES,
        jax=("updates.advance", "update.due(config, state.step)", "update.due(config, count)"),
        torch=("engine._advance", "update.due(self.config, state.step)", "update.due(self.config, state.step + 1)"),
    ),
    engine_fault(
        "Adam without bias correction",
        "optimiser",
        UPDATES,
        jax=("updates._stepping", "optax.ScaleByAdamState(count - 1,", "optax.ScaleByAdamState(count + 10**6,"),
        torch=("optimiser.adam", "torch.tensor(float(steps)", "torch.tensor(float(steps + 10**6)"),
    ),
    engine_fault(
        "Adam counts every step, not those of its own update",
        "optimiser",
        UPDATES,
        jax=("updates.advance", "update.applied(config, count)", "count"),
        torch=(
            "engine._step",
            "optimiser = state.optimisers[update.name]\n",
            "optimiser = state.optimisers[update.name]\n"
            "        [each['step'].add_(update.every - 1) for each in optimiser.state.values()]\n",
        ),
    ),
    engine_fault(
        "Adam's betas swapped",
        "optimiser",
        UPDATES,
        jax=("updates.", "b1=0.9, b2=0.999", "b1=0.999, b2=0.9"),
        torch=("optimiser.adam", "betas=(0.9, 0.999)", "betas=(0.999, 0.9)"),
    ),
    engine_fault(
        "Adam's epsilon inside the root",
        "optimiser",
        UPDATES,
        jax=("updates.", "eps=1e-8", "eps=0.0, eps_root=1e-8"),
        absent={"torch": "torch.optim.Adam has no such place"},
    ),
    engine_fault(
        "Adam's epsilon a thousand times too large",
        "optimiser",
        UPDATES,
        jax=("updates.", "eps=1e-8", "eps=1e-5"),
        torch=("optimiser.adam", "eps=1e-8", "eps=1e-5"),
    ),
    engine_fault(
        "the gradient is clipped network by network",
        "clip",
        UPDATES,
        jax=(
            "updates._stepping",
            "gradient, _ = optax.clip_by_global_norm(norm).update(gradient, optax.EmptyState())",
            "clip = optax.clip_by_global_norm(norm)\n            "
            "gradient = {name: clip.update(tree, optax.EmptyState())[0] for name, tree in gradient.items()}",
        ),
        torch=(
            "engine._hand_over",
            "clip_per_seed(flat, norm)",
            "start = 0\n            for network in update.trains:\n"
            "                end = start + len(gradients[network])\n"
            "                clip_per_seed(flat[start:end], norm)\n                start = end",
        ),
    ),
    engine_fault(
        "the gradient is clipped element by element",
        "clip",
        UPDATES,
        jax=("updates._stepping", "optax.clip_by_global_norm(", "optax.clip("),
        torch=(
            "optimiser.clip_per_seed",
            "gradient.mul_(scale.reshape(-1, *(1,) * (gradient.ndim - 1)))",
            "gradient.clamp_(-clip_norm, clip_norm)",
        ),
    ),
    engine_fault(
        "the gradient is scaled up to the clip norm",
        "clip",
        UPDATES,
        jax=(
            "updates._stepping",
            "gradient, _ = optax.clip_by_global_norm(norm).update(gradient, optax.EmptyState())",
            "gradient = jax.tree.map(lambda leaf: leaf * (norm / optax.global_norm(gradient)), gradient)",
        ),
        torch=("optimiser.clip_per_seed", "norm.clamp(min=clip_norm)", "norm"),
    ),
    engine_fault(
        "one norm over all seeds",
        "clip",
        SEEDS,
        torch=(
            "optimiser.clip_per_seed",
            "torch.linalg.vector_norm(torch.stack(norms), dim=0)",
            "torch.linalg.vector_norm(torch.stack(norms)).expand(seeds)",
        ),
        absent={"jax": "an update sees one seed alone"},
    ),
    engine_fault(
        "an update sees the step of the one before it",
        "order",
        UPDATES,
        jax=(
            "updates.advance",
            "declared, state, batch, noise, update",
            "declared, state._replace(online=online), batch, noise, update",
        ),
        torch=(
            "engine._change",
            "\n        before, after = moved\n        self._average(state, before)\n        for update in active:\n"
            "            self._step(state, update, results[update.name][1])",
            "\n            self._step(state, update, sound)\n        before, after = moved\n"
            "        self._average(state, before)",
        ),
    ),
    engine_fault(
        "a late update runs from the start",
        "schedule",
        UPDATES,
        jax=("updates.advance", "update.due(config, state.step)", "count % update.every == 0"),
        torch=("engine._advance", "update.due(self.config, state.step)", "(state.step + 1) % update.every == 0"),
    ),
    engine_fault(
        "every loss learns at the same rate",
        "optimiser",
        UPDATES,
        jax=("updates._stepping", "update.rate(config)", "config.learning_rate"),
        torch=("engine._assembled", "update.rate(own)", "own.learning_rate"),
    ),
    engine_fault(
        "every average moves at the same rate",
        "average",
        UPDATES,
        jax=("updates.advance", "getattr(config, average.rate)", "config.target_rate"),
        torch=("engine._rate", "getattr(own, average.rate)", "own.target_rate"),
    ),
    engine_fault(
        "a late average moves from the start",
        "average",
        UPDATES,
        jax=("updates._averaged", " & (count > average.since)", ""),
        torch=("optimiser.due", " and step + 1 > average.since", ""),
    ),
    engine_fault(
        "a late average moves one update early",
        "average",
        UPDATES,
        jax=("updates._averaged", "count > average.since", "count >= average.since"),
        torch=("optimiser.due", "step + 1 > average.since", "step + 1 >= average.since"),
    ),
    engine_fault(
        "a norm from the config is not clipped to",
        "clip",
        UPDATES,
        jax=("updates._stepping", "norm := update.norm(config)", "norm := (1.0 if update.clip_norm else None)"),
        torch=("engine._norm", "norm := update.norm(own)", "norm := (1.0 if update.clip_norm else None)"),
    ),
)
