"""Faults in an engine's states and policies, and the table of all engine faults."""

from ..method_fault import EngineFault, engine_fault
from . import draws, episodes, experience, networks, optimisers

SPLIT = "test_engines.test_runs_may_be_split"
ACTIONS = "test_engines.test_actions"
SKIP, FINITE = "test_engines.test_skip", "test_engines.test_finite"
SWEEP = "test_engines.test_sweep"
NO_RECORDINGS = {"jax": "it compiles whole updates"}
ONE_MAPPING = {"jax": "all numbers of a seed reach its update in one mapping"}
RECORDINGS, EXCHANGED = "test_recordings.test_recordings_follow", "test_recordings.test_exchanged_data"

STATES = (
    engine_fault(
        "a restored run forgets how many updates it did",
        "state",
        SPLIT,
        jax=("engine.restore", 'np.asarray(flat["step"], np.int32)', "np.asarray(0, np.int32)"),
        torch=("engine.restore", 'int(flat["step"])', "0"),
    ),
    engine_fault(
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
    engine_fault(
        "the last metrics, not their mean",
        "mean or sum",
        SPLIT,
        jax=("programs._running_means", "applied * (value - mean) / jnp.maximum(count, 1)", "applied * (value - mean)"),
        torch=(
            "meter.add",
            "self._sums[update] += values\n        self._counts[update] += 1",
            "self._sums[update] = values.double()\n        self._counts[update] = 1",
        ),
    ),
    engine_fault(
        "a recorded update is played on the batch that it was recorded with",
        "state",
        RECORDINGS,
        torch=("recording.__call__", "kept.copy_(new)", "pass"),
        absent=NO_RECORDINGS,
    ),
    engine_fault(
        "a state put back plays the recordings of the one before",
        "state",
        RECORDINGS,
        torch=(
            "engine._recorded",
            "Recordings(self._recorder, data)",
            "self.__dict__.setdefault(id(data), Recordings(self._recorder, data))",
        ),
        absent=NO_RECORDINGS,
    ),
    engine_fault(
        "a recording goes on drawing from data that was exchanged",
        "state",
        EXCHANGED,
        torch=("engine._recorded", " or state.recordings.data is not data", ""),
        absent=NO_RECORDINGS,
    ),
    engine_fault(
        "a recorded update draws what the one before drew",
        "noise",
        EXCHANGED,
        torch=("engine._recorded", "begin(state.step)", "begin(max(state.step - 1, 0))"),
        absent=NO_RECORDINGS,
    ),
    engine_fault(
        "every seed acts with the first one's parameters",
        "seed",
        ACTIONS,
        jax=(
            "programs.compiled_policy",
            "jax.jit(jax.vmap(compute))",
            "jax.jit(lambda numbers, online, *rest: jax.vmap(compute)("
            "numbers, jax.tree.map(lambda leaf: leaf[:1].repeat(leaf.shape[0], 0), online), *rest))",
        ),
        torch=("engine._decide", "of_seed(state.online, seed)", "of_seed(state.online, 0)"),
    ),
    engine_fault(
        "it behaves as it acts",
        "wrong network",
        ACTIONS,
        jax=("engine.behave", "self._call_policy(True,", "self._call_policy(False,"),
        torch=("engine.behave", "self._decide(self.algorithm.behaviour,", "self._decide(self.algorithm.act,"),
    ),
)

SKIPS = (
    engine_fault(
        "a skipped loss moves its moments",
        "skip",
        SKIP,
        jax=(
            "updates._stepping",
            "kept: Moved = jax.tree.map(lambda new, old: jnp.where(sound, new, old), moved, idle)",
            "kept = (jax.tree.map(lambda new, old: jnp.where(sound, new, old), moved[0], idle[0]), *moved[1:])",
        ),
        torch=(
            "engine._step",
            "forests = (state.online, state.first[update.name], state.second[update.name])",
            "forests = (state.online,)",
        ),
    ),
    engine_fault(
        "a loss is skipped for its value, not for its gradient",
        "skip",
        SKIP,
        jax=("updates._stepping", "all_finite((loss, metrics, gradient))", "all_finite((loss, metrics))"),
        torch=("engine._change", "(loss, metrics, gradients)) if", "(loss, metrics)) if"),
    ),
    engine_fault(
        "one seed's NaN skips all seeds",
        "skip",
        SKIP,
        torch=("skipping.sound_seeds", "torch.stack(each).all(0)", "torch.stack(each).all().expand(seeds)"),
        absent={"jax": "an update sees one seed alone"},
    ),
    engine_fault(
        "nobody looks for NaN in averages and moments",
        "skip",
        FINITE,
        jax=("engine.finite", "tuple(state[:-1])", "state.online"),
        torch=("engine.finite", "self._sections(state)", 'self._sections(state) if _ == "online"'),
    ),
)

SWEEPS = (
    engine_fault(
        "a sweep's losses all see the first seed's numbers",
        "sweep",
        SWEEP,
        jax=("engine.__init__", "np.array([own[name] for own in each]", "np.array([each[0][name] for _ in each]"),
        torch=(
            "engine._prepare",
            "for own in self._configs]\n        if",
            "for own in self._configs[:1] * len(self._configs)]\n        if",
        ),
    ),
    engine_fault(
        "a sweep takes the first seed's learning rate",
        "sweep",
        SWEEP,
        torch=("engine._assembled", "update.rate(own)", "update.rate(self._configs[0])"),
        absent=ONE_MAPPING,
    ),
    engine_fault(
        "a sweep takes the first seed's target rate",
        "sweep",
        SWEEP,
        torch=("engine._rate", "getattr(own, average.rate)", "getattr(self._configs[0], average.rate)"),
        absent=ONE_MAPPING,
    ),
    engine_fault(
        "a sweep clips to the first seed's norm",
        "sweep",
        SWEEP,
        torch=("engine._norm", "update.norm(own)", "update.norm(self._configs[0])"),
        absent=ONE_MAPPING,
    ),
    engine_fault(
        "the seeds of a sweep act with the first one's numbers",
        "sweep",
        SWEEP,
        jax=(
            "engine._call_policy",
            "(self._numbers, *arguments)",
            "(jax.tree.map(lambda leaf: leaf[:1].repeat(len(leaf)), self._numbers), *arguments)",
        ),
        torch=("engine._decide", "act(kernels, self._configs[seed]", "act(kernels, self._configs[0]"),
    ),
)

ENGINE_FAULTS: tuple[EngineFault, ...] = (
    *optimisers.OPTIMISER,
    *networks.ROUTES,
    *networks.NETWORK_FAULTS,
    *draws.DRAWS,
    *episodes.EPISODES,
    *experience.EXPERIENCE,
    *STATES,
    *SKIPS,
    *SWEEPS,
)
