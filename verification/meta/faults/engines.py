"""Faults in the engines and in how they apply networks."""

from ..fault import Edit
from ..method_fault import EngineFault

UPDATES, NETWORKS = "test_engines.test_updates", "test_engines.test_networks_and_routing"
WINDOWS, FRESH, LAWS = (
    "test_engines.test_batches_are_windows",
    "test_engines.test_draws_are_fresh",
    "test_engines.test_draws_have_their_laws",
)
SEEDS, SPLIT, FIRST = (
    "test_engines.test_seeds_are_independent",
    "test_engines.test_runs_may_be_split",
    "test_engines.test_first_state",
)
ACTIONS = "test_engines.test_actions"

Change = tuple[str, str, str]  # "module.function", old, new
NO_ENGINE = "the reference has no optimiser, data or seeds"


def fault(
    what: str,
    kind: str,
    test: str,
    jax: Change | None = None,
    torch: Change | None = None,
    reference: Change | None = None,
    absent: dict[str, str] | None = None,
) -> EngineFault:
    """A row of the table; without an edit for the reference the fault is one of training."""
    edits = {}
    for name, change in (("reference", reference), ("jax", jax), ("torch", torch)):
        if change is not None:
            place, old, new = change
            module, _, inside = place.partition(".")
            edits[name] = Edit(old, new, inside=inside, module=module)
    reasons = {} if reference is not None else {"reference": NO_ENGINE}
    return EngineFault(what, kind, "ENGINE", test, edits, reasons | (absent or {}))


OPTIMISER = (
    fault(
        "averages before the step see the parameters after it",
        "average",
        UPDATES,
        jax=("updates.advance", 'state.online[name] if average.when == "before" else online[name]', "online[name]"),
        torch=("optimiser.due", "average.when == when", 'when == "after"'),
    ),
    fault(
        "averages after the step see the parameters before it",
        "average",
        UPDATES,
        jax=("updates.advance", 'if average.when == "before" else online[name]', "if True else online[name]"),
        torch=("optimiser.due", "average.when == when", 'when == "before"'),
    ),
    fault(
        "one minus the target rate",
        "factor",
        UPDATES,
        jax=("updates._averaged", "rate, 0.0)", "1.0 - rate, 0.0)"),
        torch=("optimiser.move_average", "online[name], rate)", "online[name], 1.0 - rate)"),
    ),
    fault(
        "averages are taken in every update",
        "schedule",
        UPDATES,
        jax=("updates._averaged", "count % average.every == 0", "count % 1 == 0"),
        torch=("optimiser.due", "(step + 1) % average.every == 0", "True"),
    ),
    fault(
        "rare updates run one step early",
        "schedule",
        UPDATES,
        jax=("updates.advance", "count % update.every == 0", "state.step % update.every == 0"),
        torch=("engine._advance", "(state.step + 1) % update.every == 0", "state.step % update.every == 0"),
    ),
    fault(
        "Adam without bias correction",
        "optimiser",
        UPDATES,
        jax=("updates._stepping", "optax.ScaleByAdamState(count - 1,", "optax.ScaleByAdamState(count + 10**6,"),
        torch=("optimiser.adam", "torch.tensor(float(steps)", "torch.tensor(float(steps + 10**6)"),
    ),
    fault(
        "Adam counts every step, not those of its own update",
        "optimiser",
        UPDATES,
        jax=("updates.advance", "count // update.every)", "count)"),
        torch=(
            "engine._advance",
            "state.optimisers[update.name].step()",
            "[each['step'].add_(update.every - 1) for each in state.optimisers[update.name].state.values()]\n"
            "            state.optimisers[update.name].step()",
        ),
    ),
    fault(
        "Adam's betas swapped",
        "optimiser",
        UPDATES,
        jax=("updates.", "b1=0.9, b2=0.999", "b1=0.999, b2=0.9"),
        torch=("optimiser.adam", "betas=(0.9, 0.999)", "betas=(0.999, 0.9)"),
    ),
    fault(
        "Adam's epsilon inside the root",
        "optimiser",
        UPDATES,
        jax=("updates.", "eps=1e-8", "eps=0.0, eps_root=1e-8"),
        absent={"torch": "torch.optim.Adam has no such place"},
    ),
    fault(
        "Adam's epsilon a thousand times too large",
        "optimiser",
        UPDATES,
        jax=("updates.", "eps=1e-8", "eps=1e-5"),
        torch=("optimiser.adam", "eps=1e-8", "eps=1e-5"),
    ),
    fault(
        "the gradient is clipped network by network",
        "clip",
        UPDATES,
        jax=(
            "updates._stepping",
            "gradient, _ = optax.clip_by_global_norm(update.clip_norm).update(gradient, optax.EmptyState())",
            "clip = optax.clip_by_global_norm(update.clip_norm)\n            "
            "gradient = {name: clip.update(tree, optax.EmptyState())[0] for name, tree in gradient.items()}",
        ),
        torch=(
            "engine._hand_over",
            "clip_per_seed(flat, update.clip_norm)",
            "start = 0\n            for network in update.trains:\n"
            "                end = start + len(gradients[network])\n"
            "                clip_per_seed(flat[start:end], update.clip_norm)\n                start = end",
        ),
    ),
    fault(
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
    fault(
        "the gradient is scaled up to the clip norm",
        "clip",
        UPDATES,
        jax=(
            "updates._stepping",
            "gradient, _ = optax.clip_by_global_norm(update.clip_norm).update(gradient, optax.EmptyState())",
            "gradient = jax.tree.map(lambda leaf: leaf * (update.clip_norm / optax.global_norm(gradient)), gradient)",
        ),
        torch=("optimiser.clip_per_seed", "norm.clamp(min=clip_norm)", "norm"),
    ),
    fault(
        "one norm over all seeds",
        "clip",
        SEEDS,
        torch=(
            "optimiser.clip_per_seed",
            "torch.linalg.vector_norm(torch.stack(norms), dim=0)",
            "torch.linalg.vector_norm(torch.stack(norms)).expand(seeds)",
        ),
        absent={"jax": "seeds are a mapped axis, which an update cannot see"},
    ),
    fault(
        "an update sees the step of the one before it",
        "order",
        UPDATES,
        jax=(
            "updates.advance",
            "declared, state, batch, noise, count",
            "declared, state._replace(online=online), batch, noise, count",
        ),
        torch=(
            "engine._advance",
            "self._hand_over(state, update, gradients)\n            meter.add(update.name, metrics)\n"
            '        self._average(state, "before")\n        for update in active:\n            '
            "state.optimisers[update.name].step()",
            "self._hand_over(state, update, gradients)\n            meter.add(update.name, metrics)\n"
            "            state.optimisers[update.name].step()\n"
            '        self._average(state, "before")',
        ),
    ),
)

ROUTES = (
    fault(
        "frozen networks carry a gradient",
        "stop-gradient",
        NETWORKS,
        reference=("engine.models", "frozen = stop_gradient(online)", "frozen = online"),
        jax=("updates.models", "bind(declared, K.stop_gradient(online))", "bind(declared, online)"),
        torch=("losses.models_of", "frozen=bind(declared, online)", "frozen=bind(declared, {**online, **trained})"),
    ),
    fault(
        "averages are the online networks",
        "wrong network",
        NETWORKS,
        reference=("engine.models", "bind(network, target[name])", "bind(network, online[name])"),
        jax=("updates.models", "bind(declared, target)", "bind(declared, {name: online[name] for name in target})"),
        torch=("losses.models_of", "target=bind(declared, target)", "target=bind(declared, {**online, **trained})"),
    ),
    fault(
        "networks that an update does not train get a gradient",
        "stop-gradient",
        NETWORKS,
        jax=("updates.loss_and_gradient", "{name: online[name] for name in update.trains}", "dict(online)"),
        torch=("losses.gradients_of", "for network in update.trains", "for network in online"),
        absent={"reference": "it differentiates the trained networks one parameter at a time and no other"},
    ),
)

NETWORK_FAULTS = (
    fault(
        "layer norm divides by one less",
        "network",
        NETWORKS,
        reference=(
            "networks.normalized",
            "np.sum(centred * centred, axis=-1, keepdims=True) / x.shape[-1]",
            "np.sum(centred * centred, axis=-1, keepdims=True) / (x.shape[-1] - 1)",
        ),
        jax=(
            "networks._normalised",
            "jnp.mean(jnp.square(centred), axis=-1, keepdims=True)",
            "jnp.var(x, axis=-1, keepdims=True, ddof=1)",
        ),
        torch=(
            "networks._norm_members",
            "layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON)",
            "(x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + LAYER_NORM_EPSILON).sqrt()",
        ),
    ),
    fault(
        "layer norm with epsilon 1e-5",
        "network",
        NETWORKS,
        reference=("networks.normalized", "LAYER_NORM_EPSILON", "1e-5"),
        jax=("networks._normalised", "LAYER_NORM_EPSILON", "1e-5"),
        torch=("networks._norm", "LAYER_NORM_EPSILON", "1e-5"),
    ),
    fault(
        "layer norm before the activation",
        "network",
        NETWORKS,
        reference=(
            "networks.perceptron",
            'x = gelu(_dense(parameters, f"hidden_{layer}", x))\n        if network.layer_norm:\n'
            '            scale, shift = parameters[f"hidden_{layer}.norm_scale"], '
            'parameters[f"hidden_{layer}.norm_shift"]\n'
            "            x = scale * normalized(x) + shift",
            'x = _dense(parameters, f"hidden_{layer}", x)\n        if network.layer_norm:\n'
            '            scale, shift = parameters[f"hidden_{layer}.norm_scale"], '
            'parameters[f"hidden_{layer}.norm_shift"]\n'
            "            x = scale * normalized(x) + shift\n        x = gelu(x)",
        ),
        jax=(
            "networks.apply",
            "        x = jax.nn.gelu(_dense(x, tree, name), approximate=True)\n        if network.layer_norm:\n"
            '            x = _normalised(x) * _row(tree, f"{name}.norm_scale") + _row(tree, f"{name}.norm_shift")',
            "        x = _dense(x, tree, name)\n        if network.layer_norm:\n"
            '            x = _normalised(x) * _row(tree, f"{name}.norm_scale") + _row(tree, f"{name}.norm_shift")\n'
            "        x = jax.nn.gelu(x, approximate=True)",
        ),
        torch=(
            "networks.apply_network",
            'x = gelu(layer(tree, name, x), approximate="tanh")\n        if network.layer_norm:\n'
            "            x = norm(tree, name, x)",
            "x = layer(tree, name, x)\n        if network.layer_norm:\n"
            '            x = norm(tree, name, x)\n        x = gelu(x, approximate="tanh")',
        ),
    ),
    fault(
        "the exact GELU",
        "network",
        NETWORKS,
        reference=(
            "networks.gelu",
            "inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)",
            "inner = 0.7978845834732056 * (x + 0.044703 * x * x * x)",
        ),
        jax=("networks.apply", "approximate=True", "approximate=False"),
        torch=("networks.apply_network", 'approximate="tanh"', 'approximate="none"'),
    ),
    fault(
        "the norm's shift is forgotten",
        "network",
        NETWORKS,
        reference=("networks.perceptron", "scale * normalized(x) + shift", "scale * normalized(x)"),
        jax=("networks.apply", ' + _row(tree, f"{name}.norm_shift")', ""),
        torch=("networks._norm", "scale, shift, LAYER", "scale, None, LAYER"),
    ),
    fault(
        "every member of an ensemble is the first",
        "network",
        NETWORKS,
        reference=("networks._ensemble", "value[member] for", "value[0] for"),
        jax=(
            "networks._dense",
            'tree[f"{name}.kernel"])',
            'tree[f"{name}.kernel"][..., :1, :, :].repeat('
            'tree[f"{name}.kernel"].shape[0], 0) if tree[f"{name}.kernel"].ndim == 3 else tree[f"{name}.kernel"])',
        ),
        torch=(
            "networks._dense_members",
            'tree[f"{name}.kernel"])',
            'tree[f"{name}.kernel"][:1].expand_as(tree[f"{name}.kernel"]))',
        ),
    ),
    fault(
        "heads in the wrong order",
        "network",
        NETWORKS,
        reference=("networks.perceptron", "for head in network.heads]", "for head in reversed(network.heads)]"),
        jax=("networks.apply", "for head in network.heads)", "for head in reversed(network.heads))"),
        torch=("networks.apply_network", "for head in network.heads:", "for head in reversed(network.heads):"),
    ),
)

DRAWS = (
    fault(
        "the last window is never drawn",
        "off by one",
        WINDOWS,
        jax=("batches.draw_batch", "data.last.shape[0],", "data.last.shape[0] - 1,"),
        torch=("batches.draw", "torch.randint(self.windows,", "torch.randint(self.windows - 1,"),
    ),
    fault(
        "the next observation is the first row's",
        "off by one",
        WINDOWS,
        jax=("batches.draw_batch", "data.next_observations[data.last[start]]", "data.next_observations[start]"),
        torch=("batches.batch", "self.next_rows[starts]", "starts"),
    ),
    fault(
        "the next observation is of another episode",
        "mask",
        WINDOWS,
        jax=("batches.windows", "jnp.where(ended, first_end, chunk - 1)", "chunk - 1"),
        torch=("batches.__init__", "(chunk - 1 - invalid).long()", "(chunk - 1 - 0 * invalid).long()"),
    ),
    fault(
        "the last row that counts is one too late",
        "off by one",
        WINDOWS,
        jax=("batches.windows", "jnp.where(ended, first_end,", "jnp.where(ended, first_end + 1,"),
        torch=("batches.__init__", "- invalid).long()", "- (invalid - 1).clamp(min=0)).long()"),
    ),
    fault(
        "the chunk's actions are the first, repeated",
        "window",
        WINDOWS,
        jax=("batches.draw_batch", "data.actions[rows]", "data.actions[rows * 0 + start[:, None]]"),
        torch=("batches.__init__", "(size, 1)", "(size, 0)"),
    ),
    fault(
        "rewards are discounted by a constant",
        "factor",
        WINDOWS,
        jax=("batches.windows", "terminals[index], discount)", "terminals[index], 0.99)"),
        torch=("batches.__init__", "terminals, discount)", "terminals, 0.99)"),
    ),
    fault(
        "the same draw in every step",
        "noise",
        FRESH,
        jax=("engine._update_all", "fold_in(key, state.step)", "fold_in(key, 0)"),
        torch=("batches.draw", "generator_seed(seed, step)", "generator_seed(seed, 0)"),
    ),
    fault(
        "the same draw for every seed",
        "noise",
        FRESH,
        jax=("batches.keys", "for seed in seeds]", "for seed in [0] * len(seeds)]"),
        torch=("batches.draw", "generator_seed(seed, step)", "generator_seed(0, step)"),
    ),
    fault(
        "seed and step are added",
        "noise",
        FRESH,
        jax=(
            "engine._update_all",
            "jax.random.fold_in(key, state.step)",
            "jax.random.fold_in(jax.random.key(0), jax.random.key_data(key)[1].astype(jnp.int32) // 5 + state.step)",
        ),
        torch=("batches.draw", "generator_seed(seed, step)", "generator_seed(0, seed // 5 + step)"),
    ),
    fault(
        "the same draw for every name",
        "noise",
        FRESH,
        jax=("batches.draw_noise", "piece.reshape(named[name])", "flat[: piece.size].reshape(named[name])"),
        torch=(
            "batches.draw",
            "sample = torch.randn",
            "generator.manual_seed(generator_seed(seed, step))\n            sample = torch.randn",
        ),
    ),
    fault(
        "uniform noise is normal",
        "noise",
        LAWS,
        jax=("batches.draw_noise", "jax.random.uniform", "jax.random.normal"),
        torch=("batches.draw", "else torch.rand", "else torch.randn"),
    ),
    fault(
        "normal noise of variance two",
        "noise",
        LAWS,
        jax=("batches.draw_noise", "drawn |= {name: piece.reshape", "drawn |= {name: 1.4 * piece.reshape"),
        torch=("batches.draw", "values[name] = sample(", "values[name] = 1.4 * sample("),
    ),
    fault(
        "a seed's draws depend on its place",
        "seed",
        SEEDS,
        jax=(
            "batches.keys",
            "[[seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF] for seed in seeds]",
            "[[seeds.index(seed), seed & 0xFFFFFFFF] for seed in seeds]",
        ),
        torch=(
            "engine._sample",
            "self._draws.draw(seed, step) for seed",
            "self._draws.draw(seed + self.seeds.index(seed), step) for seed",
        ),
    ),
    fault(
        "all seeds start from the same parameters",
        "seed",
        FIRST,
        jax=("engine.initial", "initial_parameters(declared, seed)", "initial_parameters(declared, 0)"),
        torch=("engine.initial", "initial_parameters(declared, seed)", "initial_parameters(declared, 0)"),
    ),
)

STATES = (
    fault(
        "a restored run forgets how many updates it did",
        "state",
        SPLIT,
        jax=("engine.restore", 'np.asarray(flat["step"], np.int32)', "np.asarray(0, np.int32)"),
        torch=("engine.restore", 'int(flat["step"])', "0"),
    ),
    fault(
        "a restored run forgets its averages",
        "state",
        SPLIT,
        jax=(
            "engine.export",
            "np.array(leaf) for path, leaf in _flatten(getattr(state, part)).items()",
            "np.array(leaf) for path, leaf in _flatten({n: state.online[n] for n in state.target} "
            'if part == "target" else getattr(state, part)).items()',
        ),
        torch=(
            "engine._sections",
            'yield "target", state.target',
            'yield "target", {name: state.online[name] for name in state.target}',
        ),
    ),
    fault(
        "the last metrics, not their mean",
        "mean or sum",
        SPLIT,
        jax=("engine._running_mean", "applied * (value - mean) / jnp.maximum(count, 1)", "applied * (value - mean)"),
        torch=(
            "meter.add",
            "self._sums[update] += values\n        self._counts[update] += 1",
            "self._sums[update] = values.double()\n        self._counts[update] = 1",
        ),
    ),
    fault(
        "every seed acts with the first one's parameters",
        "seed",
        ACTIONS,
        jax=(
            "engine._compiled_policy",
            "jax.vmap(act)(online, target, observations, noise)",
            "jax.vmap(act)(jax.tree.map(lambda leaf: leaf[:1].repeat(leaf.shape[0], 0), online), target, "
            "observations, noise)",
        ),
        torch=("engine._decide", "_of_seed(state.online, seed)", "_of_seed(state.online, 0)"),
    ),
    fault(
        "it behaves as it acts",
        "wrong network",
        ACTIONS,
        jax=("engine.behave", "self._call_policy(True,", "self._call_policy(False,"),
        torch=("engine.behave", "self._decide(self.algorithm.behaviour,", "self._decide(self.algorithm.act,"),
    ),
)

ENGINE_FAULTS = (*OPTIMISER, *ROUTES, *NETWORK_FAULTS, *DRAWS, *STATES)
