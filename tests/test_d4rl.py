"""D4RL's HDF5 files: the transitions of qlearning_dataset, scores, and no way out of the file."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from bad_files import d4rl_columns, stored_hdf5

from veloq import command
from veloq.core.errors import DataError, UsageError
from veloq.training.data import hdf5
from veloq.training.data.d4rl import load_d4rl
from veloq.training.data.d4rl_scores import REFERENCE, normalized_score
from veloq.training.data.transitions import ACTION_LIMIT, TransitionData


def by_the_loop(columns: dict[str, np.ndarray], limit: int | None, walks_on: bool) -> TransitionData:
    """The same, row by row: what the protocol says, in plain Python."""
    rows: list[tuple] = []
    step = 0
    for i in range(len(columns["rewards"]) - 1):
        terminal = bool(columns["terminals"][i])
        timeout = bool(columns["timeouts"][i]) if "timeouts" in columns else step + 1 == limit
        step = 0 if terminal or timeout else step + 1
        if timeout:
            if rows:
                rows[-1] = (*rows[-1][:-1], 1.0)
            continue
        action = np.clip(columns["actions"][i], -ACTION_LIMIT, ACTION_LIMIT)
        end = float(terminal and not walks_on)
        row = (columns["observations"][i], action, columns["observations"][i + 1], columns["rewards"][i])
        rows.append((*row, float(not terminal), end))
    rows[-1] = (*rows[-1][:-1], 1.0)
    return TransitionData(*(np.array(column, dtype=np.float32) for column in zip(*rows, strict=True)))


@pytest.mark.parametrize("walks_on", [False, True])
@pytest.mark.parametrize(("timeouts", "limit"), [(True, None), (False, None), (False, 1000), (False, 3)])
@pytest.mark.parametrize("seed", range(5))
def test_transitions_are_those_of_the_protocol(
    timeouts: bool, limit: int | None, walks_on: bool, seed: int, tmp_path: Path
) -> None:
    columns = d4rl_columns(rows=30, seed=seed)
    if not timeouts:
        del columns["timeouts"]
    ours = load_d4rl(stored_hdf5(tmp_path / "data.hdf5", columns), limit=limit, walks_on=walks_on)
    expected = by_the_loop(columns, limit, walks_on)
    for name in ("observations", "actions", "next_observations", "rewards", "masks", "terminals"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), err_msg=name)
        assert getattr(ours, name).dtype == np.float32


def test_a_file_written_by_hand(tmp_path: Path) -> None:
    """Six rows: 0 1 end in a terminal, 2 3 in a timeout, 4 5 are cut off."""
    columns = {
        "observations": np.arange(6, dtype=np.float64)[:, None],
        "actions": np.array([[0.0], [0.5], [1.0], [-1.5], [0.25], [0.0]]),
        "rewards": np.arange(6, dtype=np.float32) * 10,
        "terminals": np.array([0, 1, 0, 0, 0, 0], dtype=bool),
        "timeouts": np.array([0, 0, 0, 1, 0, 0], dtype=bool),
        "next_observations": np.full((6, 1), 99.0),
    }
    path = stored_hdf5(tmp_path / "data.hdf5", columns)
    with h5py.File(path, "a") as file:
        file["infos/qpos"] = np.zeros((6, 3))
    rows = load_d4rl(path)
    assert rows.observations[:, 0].tolist() == [0, 1, 2, 4]
    assert rows.next_observations[:, 0].tolist() == [1, 2, 3, 5]
    assert rows.rewards.tolist() == [0, 10, 20, 40]
    assert rows.masks.tolist() == [1, 0, 1, 1]
    assert rows.terminals.tolist() == [0, 1, 1, 1]
    assert rows.actions[:, 0].tolist() == np.float32([0, 0.5, ACTION_LIMIT, 0.25]).tolist()
    assert load_d4rl(path, walks_on=True).terminals.tolist() == [0, 0, 1, 1]
    assert [values.tolist() for values in rows.episodes()] == [[2, 1, 1], [10, 20, 40]]


def test_check_and_info_read_hdf5_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = d4rl_columns()
    path = stored_hdf5(tmp_path / "data.hdf5", columns)
    assert command.main(["data", "check", str(path)]) == 0
    assert command.main(["data", "info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "those of the file" in said
    assert "next_observations" in said
    faulty = columns | {"actions": columns["actions"] + 1, "terminals": columns["terminals"] * 0}
    faulty["timeouts"] = faulty["timeouts"] * 0
    assert command.main(["data", "check", str(stored_hdf5(path, faulty))]) == 1
    assert "outside [-1, 1]" in capsys.readouterr().out
    faulty["actions"] = columns["actions"]
    assert command.main(["data", "check", str(stored_hdf5(path, faulty))]) == 1
    assert "no episode ends" in capsys.readouterr().out


def test_what_lies_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    columns = d4rl_columns()
    other = stored_hdf5(tmp_path / "other.hdf5", columns)
    rewards = columns.pop("rewards")
    path = tmp_path / "data.hdf5"
    (tmp_path / "rewards.raw").write_bytes(rewards.tobytes())
    layout = h5py.VirtualLayout(rewards.shape, rewards.dtype)
    layout[:] = h5py.VirtualSource(str(other), "rewards", rewards.shape)
    elsewhere = {
        "a link": lambda file: file.__setitem__("rewards", h5py.ExternalLink(str(other), "rewards")),
        "to somewhere": lambda file: file.__setitem__("rewards", h5py.SoftLink("/observations")),
        "another file": lambda file: file.create_virtual_dataset("rewards", layout),
        "in another file": lambda file: file.create_dataset(
            "rewards", rewards.shape, rewards.dtype, external=[(str(tmp_path / "rewards.raw"), 0, rewards.nbytes)]
        ),
        "dtype": lambda file: file.create_dataset("rewards", data=["a"] * len(rewards)),
        "not an array": lambda file: file.create_group("rewards"),
        "by another filter": lambda file: file.create_dataset("rewards", data=rewards, chunks=True, scaleoffset=3),
    }
    for reason, place in elsewhere.items():
        with h5py.File(stored_hdf5(path, columns), "a") as file:
            place(file)
        with pytest.raises(DataError, match=f"not a readable HDF5 file .*rewards: .*{reason}"):
            load_d4rl(path)


@pytest.mark.parametrize("chunks", [(1, 1), (1 << 20, 64)])
def test_declared_sizes_are_checked_first(chunks: tuple[int, int], tmp_path: Path) -> None:
    path = stored_hdf5(tmp_path / "data.hdf5", {**d4rl_columns(), "observations": np.zeros((1, 1))})
    with h5py.File(path, "a") as file:
        del file["observations"]
        rows = 1 << 40 if chunks == (1, 1) else chunks[0]
        file.create_dataset("observations", (rows, 64), "f4", chunks=chunks)
    with pytest.raises(DataError, match=r"declares \d+ bytes"):
        load_d4rl(path)


def test_missing_keys_missing_files_and_no_transitions(tmp_path: Path) -> None:
    columns = d4rl_columns()
    with pytest.raises(DataError, match="no such data file"):
        load_d4rl(tmp_path / "nowhere.hdf5")
    with pytest.raises(DataError, match="missing key rewards"):
        load_d4rl(stored_hdf5(tmp_path / "a.hdf5", {key: columns[key] for key in columns if key != "rewards"}))
    with pytest.raises(DataError, match="no transition"):
        load_d4rl(stored_hdf5(tmp_path / "b.hdf5", columns | {"timeouts": np.ones(len(columns["rewards"]))}))
    with pytest.raises(UsageError, match="limit"):
        load_d4rl(tmp_path / "a.hdf5", limit=0)


def test_normalised_scores() -> None:
    assert normalized_score("kitchen-mixed-v0", [0, 1, 4]).tolist() == [0, 25, 100]
    for name, (low, high) in REFERENCE.items():
        np.testing.assert_array_equal(normalized_score(f"{name}-medium-v2", [[low], [high]]), [[0], [100]])
    with pytest.raises(UsageError, match="no D4RL reference scores for 'ant-medium-v2'"):
        normalized_score("ant-medium-v2", 0.0)


def test_a_crash_of_hdf5_is_one_error() -> None:
    """This file, found by fuzzing, ends HDF5 2.0.0 with a segmentation fault while it unpacks a chunk."""
    with pytest.raises(DataError, match=r"damaged_chunk\.hdf5: damaged"):
        load_d4rl(Path(__file__).with_name("damaged_chunk.hdf5"))


def test_a_stalled_hdf5_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored_hdf5(tmp_path / "data.hdf5", d4rl_columns())
    monkeypatch.setattr(hdf5, "SECONDS", 0.0)
    with pytest.raises(DataError, match="did not read it within"):
        load_d4rl(path)
