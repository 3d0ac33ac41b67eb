"""Memory-mapped data sets: converted in bounded memory, checked, and trained on in portions of whole episodes."""

import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import DATA_SET, ENV, quiet, small_settings, timeless_records

from veloq.command import main
from veloq.core.errors import DataError, UsageError
from veloq.training import checkpoint, train
from veloq.training.data import load_task, mapped
from veloq.training.data.catalogue import find_task
from veloq.training.data.convert import convert
from veloq.training.data.files import read_columns
from veloq.training.data.mapped import MANIFEST, is_mapped, mapped_findings, open_mapped
from veloq.training.data.streaming import Prefetch, Stream


def rows(lengths: list[int], seed: int = 0) -> dict[str, np.ndarray]:
    """Episodes of these lengths in the layout of OGBench, float32."""
    rng, count = np.random.default_rng(seed), sum(lengths)
    columns = {key: rng.uniform(-1, 1, (count, 2)).astype(np.float32) for key in ("observations", "actions", "qvel")}
    return columns | {
        "qpos": columns["observations"],
        "terminals": np.isin(np.arange(1, count + 1), np.cumsum(lengths)),
    }


@pytest.fixture
def folder(tmp_path: Path, data: Path) -> Path:
    """The small data set, converted."""
    return convert([data / f"{DATA_SET}.npz"], tmp_path / DATA_SET, quiet())


def test_converted_columns_are_the_files(folder: Path, data: Path) -> None:
    found = open_mapped(folder)
    for name, column in read_columns(data / f"{DATA_SET}.npz").items():
        np.testing.assert_array_equal(found[name], column, err_msg=name)
        assert isinstance(found[name], np.memmap)
        assert not found[name].flags.writeable
    assert list(mapped_findings(folder)) == []


def test_several_files_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubles become floats; pieces end anywhere within a row."""
    monkeypatch.setattr("veloq.training.data.convert.BYTES", 56)
    parts = [rows([3, 4], 1), rows([5], 2)]
    for index, part in enumerate(parts):
        doubled = {
            key: column.astype(np.float64) if column.dtype.kind == "f" else column for key, column in part.items()
        }
        np.savez_compressed(tmp_path / f"{index}.npz", **doubled)
    found = open_mapped(convert([tmp_path / "0.npz", tmp_path / "1.npz"], tmp_path / "whole", quiet()))
    for name in parts[0]:
        np.testing.assert_array_equal(found[name], np.concatenate([part[name] for part in parts]))
    assert found["observations"].dtype == np.float32


@pytest.mark.parametrize("damage", ["nan", "cut", "other columns", "other width", "no file", "exists"])
def test_what_cannot_be_converted_leaves_nothing(tmp_path: Path, damage: str) -> None:
    good, bad = rows([3, 4]), rows([5])
    if damage == "nan":
        bad["actions"][2, 1] = np.nan
    elif damage == "cut":
        bad["terminals"][-1] = False
    elif damage == "other columns":
        bad["button_states"] = np.zeros((5, 1), np.int64)
    elif damage == "other width":
        bad["qvel"] = bad["qvel"][:, :1]
    np.savez(tmp_path / "0.npz", **good)
    np.savez(tmp_path / "1.npz", **bad)
    if damage == "no file":
        (tmp_path / "1.npz").unlink()
    if damage == "exists":
        (tmp_path / "out").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises((DataError, UsageError)) as refused:
        convert([tmp_path / "0.npz", tmp_path / "1.npz"], tmp_path / "out", quiet())
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == before


def test_check_and_info_know_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(folder)]) == 0
    assert main(["data", "info", str(folder)]) == 0
    assert "(2002, 2) float32" in capsys.readouterr().out
    with (folder / "actions.npy").open("r+b") as file:
        file.seek(-4, 2)
        file.write(np.float32(7).tobytes())
    assert main(["data", "check", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}: actions: its SHA-256 is not the one of the manifest",
        f"{folder}: rows 0 to 2001: actions: value 7 outside [-1, 1]",
    ]


@pytest.mark.parametrize("damage", ["cut", "longer", "dtype", "shape", "missing", "path", "objects", "words"])
def test_a_damaged_folder_is_one_line(folder: Path, damage: str) -> None:
    file, manifest = folder / "qvel.npy", json.loads((folder / MANIFEST).read_text())
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "longer":
        file.write_bytes(content + b"0")
    elif damage == "dtype":
        np.save(file, np.zeros((2002, 2), np.float64))
    elif damage == "shape":
        np.save(file, np.zeros((2002, 3), np.float32))
    elif damage == "missing":
        file.unlink()
    elif damage == "path":
        manifest["arrays"]["../../qvel"] = manifest["arrays"].pop("qvel")
    elif damage == "objects":
        file.write_bytes(content.replace(b"'<f4'", b"'|O' "))
    else:
        manifest["arrays"]["qvel"]["shape"] = "all"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=str(folder)) as refused:
        open_mapped(folder)
    assert "\n" not in str(refused.value)


LENGTHS = st.lists(st.integers(2, 9), min_size=3, max_size=12)


@given(
    lengths=LENGTHS,
    number=st.integers(0, 40),
    share=st.floats(0.05, 1.0),
    scheme=st.sampled_from(["episodes", "shards"]),
)
@settings(deadline=None, max_examples=60)
def test_portions_are_whole_episodes(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], number: int, share: float, scheme: Any
) -> None:
    """Beside transitions written out one by one in plain Python; only the last episode may be cut."""
    columns, path = rows(lengths), tmp_path_factory.mktemp("portions")
    np.savez(path / "data.npz", **columns)
    convert([path / "data.npz"], path / "data", quiet())
    count = max(1, int(share * (sum(lengths) - len(lengths))))
    stream = Stream(path / "data", find_task(ENV), count, scheme, seed=3)
    chosen, found = stream.episodes(number), stream.portion(number)
    wanted = []
    for episode in chosen:
        begin = sum(lengths[:episode])
        last = begin + lengths[episode] - 1
        steps = columns["observations"]
        wanted += [(steps[row], steps[row + 1], row + 1 == last) for row in range(begin, last)]
    assert len(found) == count
    assert len(wanted) - (lengths[chosen[-1]] - 1) < count <= len(wanted)
    for at, (observation, following, ends) in enumerate(wanted[:count]):
        np.testing.assert_array_equal(found.observations[at], observation)
        np.testing.assert_array_equal(found.next_observations[at], following)
        assert found.terminals[at] == (ends or at == count - 1)
    shutil.rmtree(path)


def test_every_episode_is_equally_likely_and_shards_go_round(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **rows([5] * 20))
    convert([tmp_path / "data.npz"], tmp_path / "data", quiet())
    drawn = Stream(tmp_path / "data", find_task(ENV), 16)
    counts = np.bincount(np.concatenate([drawn.episodes(number) for number in range(500)]), minlength=20)
    # 500 draws of 4 out of 20 without replacement: 100 of each, standard deviation 9.
    assert np.abs(counts - 100).max() < 45
    assert drawn.episodes(7).tolist() == drawn.episodes(7).tolist() != drawn.episodes(8).tolist()
    shards = Stream(tmp_path / "data", find_task(ENV), 16, "shards")
    assert [shards.episodes(number).tolist() for number in range(6)] == [
        *(list(range(begin, begin + 4)) for begin in (0, 4, 8, 12, 16)),
        [0, 1, 2, 3],
    ]


def test_a_portion_holds_what_the_whole_file_holds(folder: Path, data: Path) -> None:
    whole, found = load_task(ENV, data), Stream(folder, find_task(ENV), 2000, "shards").portion(0)
    for key in ("observations", "actions", "next_observations", "rewards", "masks", "terminals"):
        np.testing.assert_array_equal(getattr(found, key), getattr(whole, key), err_msg=key)


def test_the_next_portion_is_read_ahead(folder: Path) -> None:
    stream = Prefetch(Stream(folder, find_task(ENV), 1000))
    plain = Stream(folder, find_task(ENV), 1000)
    for number in (3, 4, 5, 1):
        np.testing.assert_array_equal(stream.portion(number).observations, plain.portion(number).observations)
    stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_on_portions_resumes_bit_for_bit(tmp_path: Path, folder: Path, backend: str) -> None:
    sizes: dict[str, Any] = {"updates": 9, "dispatch": 2, "evaluate_every": 4, "portion": 500, "portion_every": 3}
    common = {**sizes, "backend": backend, "method": "bc", "seeds": (0,)}
    whole = train.train(small_settings(tmp_path / "a", folder.parent, **common), quiet()).run
    short = train.train(small_settings(tmp_path / "b", folder.parent, **(common | {"updates": 4})), quiet()).run
    train.resume(short, quiet(), updates=9)
    wanted, found = checkpoint.load_latest(whole).state, checkpoint.load_latest(short).state
    assert all(value.tobytes() == found[name].tobytes() for name, value in wanted.items())
    assert timeless_records(whole)[-1] == timeless_records(short)[-1]
    other = small_settings(tmp_path / "c", folder.parent, **(common | {"portions": "shards"}))
    assert any(
        value.tobytes() != wanted[name].tobytes()
        for name, value in checkpoint.load_latest(train.train(other, quiet()).run).state.items()
    )


def test_a_portion_larger_than_the_set_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match="2000 transitions are fewer than a portion of 1000000"):
        train.train(small_settings(tmp_path / "runs", folder.parent), quiet())
    assert is_mapped(folder)
    assert not (tmp_path / "runs").exists()


def test_converting_and_checking_take_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 MB through pieces of a megabyte; mapped pages are not allocations."""
    monkeypatch.setattr("veloq.training.data.convert.BYTES", 1 << 20)
    monkeypatch.setattr(mapped, "PIECE", 1 << 14)
    count = 1 << 20
    column = np.zeros((count, 16), np.float32)
    columns = dict.fromkeys(("observations", "actions", "qpos", "qvel"), column)
    np.savez(tmp_path / "data.npz", **columns, terminals=np.arange(count) % 1024 == 1023)
    tracemalloc.start()
    try:
        folder = convert([tmp_path / "data.npz"], tmp_path / "data", quiet())
        assert list(mapped_findings(folder)) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
