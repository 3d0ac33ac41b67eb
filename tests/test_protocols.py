"""Protocols: evaluated as often as the source, reported as it reports, named in every result."""

import json
from pathlib import Path
from typing import Any

import pytest

from veloq import command
from veloq.training.protocols import PROTOCOLS, reported
from veloq.training.run_folder import RunFolder


def records(*successes: list[float]) -> list[dict[str, Any]]:
    return [{"kind": "evaluation", "policy": "method", "success": list(rates)} for rates in successes]


def test_the_last_evaluations_are_averaged() -> None:
    found = records([0.0, 0.0], [0.25, 0.5], [0.5, 0.5], [0.75, 0.5])
    assert reported(PROTOCOLS["fql"], found, "method") == (0.5, 0.5)
    assert reported(PROTOCOLS["qam"], found, "method") == (0.75, 0.5)
    assert reported(PROTOCOLS["fql"], found[:2], "method") == (0.125, 0.25)
    assert reported(PROTOCOLS["fql"], found, "behaviour") is None


@pytest.mark.parametrize(
    "words", ["", "--updates 3000", "--evaluate-every 70 --episodes 5", "--config.temperature 0.5"]
)
def test_options_stand_over_the_protocol_and_the_protocol_over_the_preset(words: str) -> None:
    settings = command._settings("rebrac", f"--preset paper --protocol fql {words}".split())
    assert settings.protocol == "fql"
    wanted = (settings.updates // 10, 50, 50)
    if "every" in words:
        wanted = (70, 50, 5)
    assert (settings.evaluate_every, settings.curve_episodes, settings.episodes) == wanted
    assert settings.config.temperature == (0.5 if "temperature" in words else 0.0)
    assert command._settings("rebrac", ["--protocol", "qam"]).config.temperature == 1.0


def test_without_a_protocol_the_preset_decides() -> None:
    plain, named = command._settings("qam", []), command._settings("qam", ["--protocol", "veloq"])
    assert plain == named
    assert plain.curve_episodes < plain.episodes


@pytest.mark.slow
def test_a_run_names_its_protocol(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = "--config.hidden 8 --config.batch-size 8 --updates 40 --episodes 1 --curve-episodes 1 --dispatch 10"
    line = f"train bc {small} --protocol fql --data-directory {data} --directory {tmp_path} --backend torch --workers 1"
    assert command.main(line.split()) == 0
    (run,) = tmp_path.glob("bc-*")
    assert json.loads((run / "config.json").read_text())["protocol"] == "fql"
    found = [r for r in RunFolder.open(run).records() if r["kind"] == "evaluation" and r["policy"] == "method"]
    assert [record["step"] for record in found] == list(range(4, 41, 4))
    assert "mean of the last 3 evaluations, protocol fql" in capsys.readouterr().out
    assert "Protocol fql reports mean of the last 3 evaluations" in (run / "report.html").read_text()


def test_an_unknown_protocol_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["train", "qam", "--protocol", "qma"]) == 2
    assert "unknown protocol 'qma'; known: veloq, qam" in capsys.readouterr().err


def test_the_table_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list", "protocols"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(PROTOCOLS)
