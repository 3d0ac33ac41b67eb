"""Faults in what seeds met themselves."""

from ..method_fault import engine_fault

WINDOWS = "test_experience.test_windows_of_experience"

EXPERIENCE = (
    engine_fault(
        "experience is drawn before it is written",
        "off by one",
        WINDOWS,
        jax=("experience.draw", "jnp.maximum(filled - chunk + 1, 0)", "jnp.maximum(filled - chunk + 2, 0)"),
        torch=("experience.windows", "len(self.data.steps) + 1", "len(self.data.steps) + 2"),
    ),
    engine_fault(
        "the newest experience is never drawn",
        "off by one",
        WINDOWS,
        jax=("experience.draw", "jnp.maximum(filled - chunk + 1, 0)", "jnp.maximum(filled - chunk, 0)"),
        torch=("experience.windows", "len(self.data.steps) + 1", "len(self.data.steps)"),
    ),
    engine_fault(
        "rows are written over the first ones",
        "window",
        WINDOWS,
        jax=("experience.written", "place(buffer, new, experience.count)", "place(buffer, new, 0 * experience.count)"),
        torch=("experience.write", "buffer[:, self.filled : filled]", "buffer[:, : filled - self.filled]"),
    ),
    engine_fault(
        "all seeds learn from the first one's experience",
        "seed",
        WINDOWS,
        jax=(
            "engine.write",
            "part[at * share : (at + 1) * share]",
            "part[:share]",
        ),
        torch=("experience._own", "column[seed]", "column[0]"),
    ),
    engine_fault(
        "next actions beyond what is written are valid",
        "mask",
        WINDOWS,
        jax=("experience._own_batch", "start, filled, chunk", "start, rows.rewards.shape[0], chunk"),
        torch=("experience._own", "self.filled, len(steps)", "len(rows.rewards), len(steps)"),
    ),
    engine_fault(
        "balanced batches are drawn from all windows alike",
        "factor",
        WINDOWS,
        jax=("experience.draw", "if balanced:", "if False:"),
        torch=("experience.__init__", "data, discount, balanced", "data, discount, False"),
    ),
    engine_fault(
        "forgotten experience is still drawn",
        "window",
        "test_experience.test_forgotten_experience",
        jax=("experience.shortened", "jnp.minimum(experience.count, filled)", "experience.count"),
        torch=("engine.forget", "min(filled, self._experience.filled)", "self._experience.filled"),
    ),
    engine_fault(
        "experience is discounted by a constant",
        "factor",
        WINDOWS,
        jax=("experience._own_batch", "chunk, discount)", "chunk, 0.99)"),
        torch=("experience._own", "len(steps), self._discount)", "len(steps), 0.99)"),
    ),
)
