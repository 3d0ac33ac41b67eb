"""Rendered rollouts of a run, in a process of its own: `python -m veloq.training.rollouts QUESTION.json`.

The renderer is chosen by MUJOCO_GL before MuJoCo is imported, and a missing graphics library may end the process.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..core.algorithm import Dimensions
from ..core.engine import Policy
from ..core.errors import RenderingError, UsageError
from .checkpoint import Which
from .environments import EvaluationEnvironment
from .evaluation import decision_generator, drawn_noise
from .policies import load_policies
from .run_folder import RunFolder
from .scoring import noise_shapes
from .untrusted import LINE

RENDERERS = ("egl", "osmesa")
PACKAGES = {"egl": "libegl1 libegl-mesa0 libgl1-mesa-dri", "osmesa": "libosmesa6"}
SIZE, EVERY, FRAMES_PER_SECOND = 240, 5, 20
SUFFIXES = (".mp4", ".gif")
Frame = npt.NDArray[np.uint8]


def video_path(run: Path, wanted: Path | None) -> Path:
    """Where a film goes: RUN/rollouts.mp4, or .gif without imageio-ffmpeg.

    Raises:
        UsageError: another kind of file, or an mp4 without the encoder.
    """
    encoder = importlib.util.find_spec("imageio_ffmpeg") is not None
    path = wanted or run / ("rollouts.mp4" if encoder else "rollouts.gif")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"video: expected a name ending in {' or '.join(SUFFIXES)}, got {str(path)!r}")
    if path.suffix == ".mp4" and not encoder:
        raise UsageError("video: mp4 needs imageio-ffmpeg (pip install 'veloq[video]'); a .gif does not")
    return path


def render(run: Path, path: Path, episodes: int, backend: str, behaviour: bool, which: Which) -> Path:
    """Film the first episodes of every member of a run, those that `veloq evaluate` scores.

    Args:
        run: the run folder.
        path: the film, .mp4 or .gif.
        episodes: of each member.
        backend: who computes the actions.
        behaviour: the behaviour-cloning policy's.
        which: the latest or the best checkpoint's.

    Raises:
        RenderingError: neither EGL nor OSMesa rendered, with what each of them said.
    """
    question = json.dumps([str(run), str(path), episodes, backend, behaviour, which])
    chosen = os.environ.get("MUJOCO_GL")
    said = []
    # "disable" is what evaluations set where there is no display.
    for renderer in RENDERERS if chosen in (None, "disable") else (chosen,):
        command = [sys.executable, "-m", __spec__.name, question]
        environment = {**os.environ, "MUJOCO_GL": renderer, "PYOPENGL_PLATFORM": renderer}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return path
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        package = f"; on Debian: apt install {PACKAGES[renderer]}" if renderer in PACKAGES else ""
        said.append(f"{renderer} failed ({(lines or ['no message'])[-1][:LINE]}{package})")
    raise RenderingError(f"no rollouts: {'; '.join(said)}")


def film(run: Path, path: Path, episodes: int, backend: str, behaviour: bool, which: Which) -> None:
    """What the process does: roll out, render every fifth step, write the film in one step."""
    import imageio.v3 as images

    folder = RunFolder.open(run)
    frames: list[Frame] = []
    for member, policy in zip(folder.members, load_policies(folder, backend, behaviour, which), strict=True):
        for episode in range(episodes):
            frames += rollout(folder, policy, member.seed, episode)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        if path.suffix == ".mp4":
            images.imwrite(partial, np.stack(frames), fps=FRAMES_PER_SECOND, macro_block_size=None)
        else:
            images.imwrite(partial, np.stack(frames), duration=1000 // FRAMES_PER_SECOND, loop=0)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def rollout(folder: RunFolder, policy: Policy, seed: int, episode: int) -> list[Frame]:
    """Frames of one episode, with the noise of its evaluation; the last one says how it ended."""
    algorithm, config = folder.method()
    shapes = noise_shapes(algorithm, config, Dimensions(**folder.config["dimensions"]))
    environment = EvaluationEnvironment(folder.config["env"], render_mode="rgb_array", width=SIZE, height=SIZE)
    observation, frames = environment.reset(seed, episode), [environment.frame()]
    step = decision = 0
    while True:
        noise = drawn_noise(shapes, decision_generator(seed, episode, decision))
        batched = {name: value[None] for name, value in noise.items()}
        actions = np.asarray(policy(observation[None], batched), np.float32).reshape(config.chunk, -1)
        decision += 1
        for action in actions:
            met = environment.step(action)
            observation, step = met.observation, step + 1
            if step % EVERY == 0 or met.done:
                frames.append(environment.frame())
            if met.done:
                return frames + [_bordered(frames[-1], met.success)] * (FRAMES_PER_SECOND // 2)


def _bordered(frame: Frame, success: bool) -> Frame:
    """A green border around a success, a red one around a failure."""
    bordered = frame.copy()
    colour = (40, 160, 60) if success else (200, 50, 40)
    for edge in (np.s_[:6], np.s_[-6:], np.s_[:, :6], np.s_[:, -6:]):
        bordered[edge] = colour
    return bordered


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    film(Path(asked[0]), Path(asked[1]), *asked[2:])
