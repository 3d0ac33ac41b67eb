"""A run folder describes itself and its metrics can be cut back to a checkpoint."""

import json
from pathlib import Path

import pytest
from small_runs import DESCRIPTION

from veloq.core.errors import CheckpointError, UsageError
from veloq.training.report import write_report
from veloq.training.run_folder import PACKAGES, RunFolder, commit, versions

CONFIG = {**DESCRIPTION, "env": "maze-<v0>", "versions": {"numpy": "2"}}


def test_the_name_says_what_it_is_and_two_runs_do_not_meet(tmp_path: Path) -> None:
    first, second = RunFolder.create(tmp_path, CONFIG), RunFolder.create(tmp_path, CONFIG)
    assert first.path.name.startswith("qam-maze-<v0>-jax-2")
    assert first.path != second.path
    assert RunFolder.open(first.path).config == first.config
    assert RunFolder.open(first.path).identity == second.identity


def test_the_identity_changes_with_what_a_checkpoint_depends_on(tmp_path: Path) -> None:
    identity = RunFolder.create(tmp_path, CONFIG).identity
    assert RunFolder.create(tmp_path, {**CONFIG, "updates": 9}).identity == identity
    assert RunFolder.create(tmp_path, {**CONFIG, "seeds": [0]}).identity != identity
    assert RunFolder.create(tmp_path, {**CONFIG, "data_sha256": "cd"}).identity != identity


def test_metrics_are_lines_and_are_cut_back(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.append({"kind": "training", "step": 1})
    length = run.metrics_bytes()
    run.append({"kind": "training", "step": 2})
    assert [record["step"] for record in run.records()] == [1, 2]
    run.truncate_metrics(length)
    assert [record["step"] for record in run.records()] == [1]
    with pytest.raises(CheckpointError, match="lines are lost"):
        run.truncate_metrics(length + 1)
    with pytest.raises(ValueError, match="JSON compliant"):
        run.append({"loss": float("nan")})


def test_a_half_written_last_line_is_left_out_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.append({"step": 1})
    with (run.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"ste')
    assert run.records() == [{"step": 1}]
    (run.path / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match="line 2"):
        run.records()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="damaged"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"method": "qam"}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="missing key env"):
        RunFolder.open(tmp_path)


def test_a_session_is_noted(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.note_resumed(3, {"updates": 9})
    stored = RunFolder.open(run.path).config
    assert stored["updates"] == 9
    assert [session["step"] for session in stored["resumed"]] == [3]


def test_versions_and_commit() -> None:
    found = versions()
    assert set(found) == set(PACKAGES)
    assert found["numpy"]
    assert versions(["no-such-package-anywhere"]) == {"no-such-package-anywhere": None}
    name = commit()
    assert name is None or len(name.removesuffix("-dirty")) == 40


def test_the_report_needs_nothing_beside_it(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    assert "Nothing was evaluated yet" in write_report(run).read_text(encoding="utf-8")
    for step in (2, 4):
        metrics = {"critic_loss": [1.0 / step, 2.0], "q": [-1.0, -2.0]}
        run.append({"kind": "training", "step": step, "seconds": 1.0, "metrics": metrics})
        scores = {"kind": "evaluation", "step": step, "episodes": 8, "seconds": 1.0}
        run.append({**scores, "policy": "method", "success": [0.5, 0.75]})
    run.append({**scores, "policy": "behaviour", "success": [0.125, 0.125]})
    page = write_report(run).read_text(encoding="utf-8")
    assert "maze-&lt;v0&gt;" in page
    assert "<b>0.62</b>" in page
    assert "<b>0.12</b>" in page
    assert page.count('src="data:image/png;base64,') == 2
    assert "http://" not in page
    assert "https://" not in page
    for name in ("success.png", "losses.png"):
        assert (run.path / name).read_bytes().startswith(b"\x89PNG")
