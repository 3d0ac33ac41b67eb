"""Faults in windows that are drawn by episode."""

from ..method_fault import engine_fault

WINDOWS = "test_episodes.test_windows_by_episode"
BESIDE = "test_episodes.test_experience_beside_episodes"

EPISODES = (
    engine_fault(
        "an episode may come twice in a small batch",
        "law",
        WINDOWS,
        jax=("batches.draw_by_episode", "replace=count <= batch_size", "replace=True"),
        torch=("batches._by_episode", "number > count", "number < count"),
    ),
    engine_fault(
        "every window starts where its episode begins",
        "law",
        WINDOWS,
        jax=("batches.draw_by_episode", "episodes.first[chosen] + within", "episodes.first[chosen] + 0 * within"),
        torch=("batches._by_episode", "episodes.first[chosen] + within", "episodes.first[chosen] + 0 * within"),
    ),
    engine_fault(
        "windows start at an episode's last row",
        "off by one",
        WINDOWS,
        jax=("batches.draw_by_episode", "episodes.starts[chosen],", "episodes.starts[chosen] + 1,"),
        torch=("batches._by_episode", "episodes.starts[chosen]", "(episodes.starts[chosen] + 1)"),
    ),
    engine_fault(
        "the data's windows are drawn by rows",
        "law",
        WINDOWS,
        jax=("batches.windows", "if by_episode else None", "if not by_episode else None"),
        torch=("batches._of", "parts[0] < data.count", "parts[0] < 0"),
    ),
    engine_fault(
        "windows of the data take the place of experience",
        "window",
        BESIDE,
        jax=(
            "experience.draw",
            "jnp.where(from_own, start, by_episode)",
            "jnp.where(from_own, by_episode, by_episode)",
        ),
        torch=("batches._of", "parts[0] < data.count", "parts[0] >= 0"),
    ),
)
