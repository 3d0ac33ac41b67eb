"""The command line: every error is one line on stderr with exit code 2, and nothing is written."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from veloq import command, options
from veloq.algorithms import ALGORITHMS
from veloq.algorithms.tuned import Which
from veloq.core.rows import SPECS
from veloq.training.presets import preset
from veloq.training.settings import config_values, make_config

ENV = "pointmaze-medium-navigate-singletask-v0"

MISTAKES = {
    "trian qam": "did you mean train",
    "train": "name a method first: ",
    "train qan": "did you mean qam",
    "train qam --env pointmaze-medum-navigate-singletask-v0": f"did you mean {ENV}",
    "train qam --bakend jax": "did you mean --backend",
    "train qam --backend tpu": "invalid choice 'tpu'",
    "train qam --preset big": "known: quick, paper",
    "train qam --config.hiden 8": "did you mean --config.hidden",
    "train qam --config.critics 2.5": "--config.critics",
    "train qam --config.critics": "Missing value",
    "train qam --config.hidden 8 -8": "hidden must be at least 1, got -8",
    "train qam --config.discount 1.5": "discount must lie in [0, 1]",
    "train qam --config.learning-rate 0": "learning_rate must be positive",
    "train qam --config.inv-temp nan": "inv_temp must be finite",
    "train qam --tuned best": "known: released, paper, none",
    "train qam --updates -3": "updates must be at least 1",
    "train qam --seeds 0": "seeds must be at least 1",
    "train qam --device warp --backend jax": "'warp'",
    "train qam --compile": "compile is a choice of the torch backend alone",
    "train qam --backend torch --cuda-graphs": "cuda-graphs is a choice of torch on cuda, not of torch on cpu",
    "train qam --device cuda --cuda-graphs": "cuda-graphs is a choice of torch on cuda, not of jax on cuda",
    "train qam --preset paper --data-directory nowhere": "nowhere/pointmaze-medium-navigate-v0.npz",
    "train --resume nowhere": "not a run folder",
    "train --resume": "Missing value",
    "train --resume nowhere --seeds 3": "--seeds",
    "data": "veloq data list",
    "data make": "name a data set first",
    "data make pointmaze-medium-navigat-v0": "did you mean pointmaze-medium-navigate-v0",
    "data make pointmaze-medium-navigate-v0 --transitions 0": "at least 1",
    "data maek x": "veloq data list",
    "data info": "name a data set or a file first",
    "data info pointmaze-medium-navigat-v0": "did you mean pointmaze-medium-navigate-v0",
    "data info nowhere.npz": "nowhere.npz: no such data file",
    "data info x --pictur y": "did you mean --picture",
    "data check": "name one file",
    "data check nowhere.npz": "nowhere.npz: no such data file",
    "evaluate": "name a run folder",
    "evaluate nowhere": "not a run folder",
    "verify --backend tpu": "invalid choice 'tpu'",
    "verify --examples many": "--examples",
    "list things": "expected methods, envs, kernels or protocols",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VELOQ_DATA", raising=False)
    assert command.main(line.split()) == 2
    said = capsys.readouterr()
    assert MISTAKES[line] in said.err
    assert said.err.startswith("veloq: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["missing key", "nan", "not an archive"])
def test_a_bad_data_file_is_one_line_and_starts_no_run(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pointmaze-medium-navigate-v0.npz"
    columns = {name: np.zeros((4, 2), np.float32) for name in ("observations", "actions", "qpos", "qvel")}
    columns["terminals"] = np.array([0, 0, 0, 1], dtype=bool)
    if damage == "missing key":
        del columns["qvel"]
    columns["observations"][2, 1] = np.nan if damage == "nan" else 0.0
    np.savez(file, **columns)
    if damage == "not an archive":
        file.write_bytes(b"PK but not really")
    before = sorted(tmp_path.iterdir())
    line = ["train", "qam", "--data-directory", str(tmp_path), "--directory", str(tmp_path / "runs")]
    assert command.main(line) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(file) in said
    assert {"missing key": "qvel", "nan": "NaN", "not an archive": "npz"}[damage] in said
    assert sorted(tmp_path.iterdir()) == before


def test_the_lists_are_complete(capsys: pytest.CaptureFixture[str]) -> None:
    for what, names in (("methods", list(ALGORITHMS)), ("kernels", list(SPECS)), ("envs", [ENV])):
        assert command.main(["list", what]) == 0
        listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert set(names) <= set(listed)
        assert len(listed) == len(set(listed))


def test_version_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["version"]) == 0
    assert capsys.readouterr().out.startswith("veloq ")
    assert command.main(["--help"]) == 0
    assert "train METHOD" in capsys.readouterr().out
    assert command.main([]) == 2


def test_help_shows_every_hyper_parameter_with_the_presets_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["train", "qam-edit", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for name in config_values(ALGORITHMS["qam-edit"].config()):
        assert f"--config.{name.replace('_', '-')}" in said
    assert "(default: 128 128 128)" in said
    assert command.main(["train", "qam", "--preset", "paper", "--help"]) == 0
    assert "(default: 512 512 512 512)" in " ".join(capsys.readouterr().out.split())


def test_an_option_overrides_the_preset() -> None:
    line = ["--config.inv-temp", "7", "--config.hidden", "4", "5", "--seeds", "2", "--first-seed", "3"]
    settings = command._settings("qam", line)
    assert settings.config == make_config(
        ALGORITHMS["qam"], {**preset("quick", "qam", ENV).values, "inv_temp": 7.0, "hidden": [4, 5]}
    )
    assert settings.seeds == (3, 4)
    assert settings.updates == preset("quick", "qam", ENV).updates


@pytest.mark.parametrize("name", ["quick", "paper"])
@pytest.mark.parametrize("method", list(ALGORITHMS))
@pytest.mark.parametrize("env", [ENV, "cube-single-play-singletask-v0", "antmaze-giant-navigate-singletask-v0"])
@pytest.mark.parametrize("which", get_args(Which))
def test_every_preset_makes_a_config(name: str, method: str, env: str, which: Which) -> None:
    chosen = preset(name, method, env, which)
    config = make_config(ALGORITHMS[method], chosen.values)
    for key, value in chosen.values.items():
        assert getattr(config, key) == value


def test_the_list_of_methods_needs_no_framework() -> None:
    line = "import sys; from veloq import command; command.main(['list', 'methods']); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout
    *rows, modules = said.splitlines()
    assert len(rows) == 1 + len(ALGORITHMS)
    assert not {"jax", "torch", "ogbench", "matplotlib"} & set(modules.split())


def test_a_terminal_gets_a_table_of_the_same_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    command.main(["list", "methods"])
    plain = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    command.main(["list", "methods"])
    assert re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).split() == plain.split()


def test_a_missing_extra_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present = command.importlib.util.find_spec
    monkeypatch.setattr(
        command.importlib.util, "find_spec", lambda name: None if name in ("tyro", "ogbench") else present(name)
    )
    assert command.main(["train", "qam"]) == 2
    assert "this command needs tyro, ogbench: pip install 'veloq[train,jax]'" in capsys.readouterr().err


def test_tyros_frames_become_one_line() -> None:
    ascii_box = " Value error\n -------------\n  bad\n  value\n  -------------\n  For full helptext\n"
    utf8_box = "╭─ Value error ─────╮\n│ bad value │\n│ ───────────────── │\n│ For full │\n╰───────╯\n"
    assert options._one_line(ascii_box) == "bad value"
    assert options._one_line(utf8_box) == "bad value"


@pytest.mark.slow
def test_python_m_veloq_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "veloq", "train", "nothing"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("veloq: unknown method 'nothing'; ")
    assert result.stderr.count("\n") == 1
