"""`veloq data check` finds every fault and `veloq data info` counts what is there."""

import json
from pathlib import Path

import numpy as np
import pytest
from bad_files import columns

from veloq import command
from veloq.training.data.inspection import inspect

# Goal of the default task in pointmaze-medium: cell (6, 6), 20 units from the origin; the point's tolerance is 1.
GOAL = 20.0
NAME = "pointmaze-medium-navigate-v0"


def stored(path: Path, **replaced: np.ndarray | None) -> Path:
    np.savez(path, **{key: value for key, value in (columns() | replaced).items() if value is not None})
    return path


def checked(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = command.main(["data", "check", str(path)])
    said = capsys.readouterr()
    assert said.err == ""
    return code, said.out.splitlines()


def test_a_good_file_has_nothing_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(tmp_path / "data.npz")
    assert checked(path, capsys) == (0, [f"{path}: nothing wrong"])


def test_every_fault_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = columns()
    hole = good["observations"].copy()
    hole[3, 1] = np.nan
    open_end = good["terminals"].copy()
    open_end[-1] = False
    faults = {
        "observations": hole,
        "actions": good["actions"] * 0 - 2,
        "qpos": good["qpos"].astype(np.int64),
        "qvel": None,
        "terminals": open_end,
        "button_states": np.zeros((5, 2), np.int64),
    }
    path = stored(tmp_path / "data.npz", **faults)
    assert checked(path, capsys) == (
        1,
        [
            f"{path}: missing key qvel; expected observations, actions, terminals, qpos, qvel",
            f"{path}: observations: NaN or infinite value, first in row 3",
            f"{path}: actions: value 2 outside [-1, 1]",
            f"{path}: qpos: dtype int64 not expected here",
            f"{path}: button_states: shape (5, 2), expected (rows, features) with 6 rows",
            f"{path}: terminals: the last row does not end an episode, the file is cut short",
        ],
    )


@pytest.mark.parametrize(
    ("terminals", "finding"),
    [
        (np.array([0, 0, 2, 0, 0, 1]), "values other than 0 and 1"),
        (np.array([0, 0, 1, 1, 0, 1]), "an episode has a single row"),
        (np.zeros((6, 1)), r"shape (6, 1), expected (rows) with 6 rows"),
        (np.zeros(0), "shape (0,), expected (rows) with 0 rows"),
    ],
)
def test_faulty_terminals(
    terminals: np.ndarray, finding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = checked(stored(tmp_path / "data.npz", terminals=terminals), capsys)
    assert code == 1
    assert any(f"terminals: {finding}" in line for line in lines)


def test_a_file_that_is_no_archive_or_differs_from_its_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(tmp_path / "data.npz")
    facts = {"seed": 0, "episodes": 2, "transitions": 4, "versions": {}, "sha256": {"data.npz": "ab"}}
    (tmp_path / "data.json").write_text(json.dumps(facts))
    code, (line,) = checked(path, capsys)
    assert code == 1
    assert "differs from its manifest" in line
    path.write_bytes(b"PK but not really")
    code, (line,) = checked(path, capsys)
    assert code == 1
    assert line.startswith(f"{path}: damaged, not a readable npz file")


def test_info_counts_lengths_and_returns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Episodes of 4 and 2 rows: two of the first's three transitions begin at the goal, where the reward is 0."""
    positions = np.array([[0, 0], [GOAL, GOAL], [GOAL, GOAL], [0, 0], [0, 0], [GOAL, GOAL]], np.float32)
    terminals = np.array([0, 0, 0, 1, 0, 1], dtype=bool)
    path = stored(tmp_path / f"{NAME}.npz", observations=positions, qpos=positions, terminals=terminals)
    picture = tmp_path / "picture.png"
    for source in (str(path), NAME, NAME.replace("-v0", "-singletask-v0")):
        line = ["data", "info", source, "--data-directory", str(tmp_path), "--picture", str(picture)]
        assert command.main(line) == 0
        said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        assert said["file"] == str(path)
        assert said["observations"] == "(6, 2) float32"
        assert (said["transitions"], said["episodes"]) == ("4", "2")
        assert said["length"] == "min 1  mean 2.00  max 3  deviation 1.00"
        assert said["return"] == "min -1  mean -1.00  max -1  deviation 0.00"
        assert said["rewards"] == "pointmaze-medium-navigate-singletask-v0"
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()


def test_returns_of_an_unknown_file_are_not_made_up(tmp_path: Path) -> None:
    found = inspect(str(stored(tmp_path / "mine.npz")))
    assert found.returns is None
    assert found.lengths.tolist() == [2, 2]
    assert "no rewards" in found.rewards


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(tmp_path / "mine.npz")
    assert command.main(["data", "info", str(path), "--picture", str(tmp_path / "nowhere" / "a.png")]) == 2
    assert "the picture cannot be written" in capsys.readouterr().err
