"""Hyper-parameters: types and ranges by the method's record, tuned values by environment, sizes by preset."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from veloq.algorithms import ALGORITHMS, tuned
from veloq.algorithms.qam import QAM, Config
from veloq.core.algorithm import Average
from veloq.core.errors import UsageError
from veloq.training import presets, settings
from veloq.training.data.catalogue import task_names
from veloq.training.data.gymnasium_tasks import GYMNASIUM_TASKS
from veloq.training.settings import make_config

TRIPLE = "cube-triple-play-singletask-v0"


@dataclasses.dataclass(frozen=True)
class Everything(Config):
    """A method's Config with every kind of hyper-parameter."""

    source: Literal["paper", "released"] = "paper"
    exact: bool = True
    warmup: int = 40_000
    behaviour_updates: int = 80_000
    candidates: int = 32
    time_mean: float = -0.4
    kappa: float = 0.7
    actor_rate: float = 3e-4
    slow_rate: float = 0.1


(_joint,) = QAM.updates
METHOD = dataclasses.replace(
    QAM,
    name="everything",
    config=Everything,
    updates=(dataclasses.replace(_joint, since="warmup", until="behaviour_updates", learning_rate="actor_rate"),),
    averages={"critic": Average(rate="slow_rate")},
)

GOOD = {"source": "released", "exact": False, "warmup": 0, "time_mean": -2, "kappa": 0.5, "slow_rate": 1}
BAD: list[tuple[str, Any, str]] = [
    ("source", "elsewhere", "source must be one of paper, released; got 'elsewhere'"),
    ("exact", 1, "exact must be true or false, got 1"),
    ("warmup", -1, "warmup must be at least 0, got -1"),
    ("behaviour_updates", 2.0, "behaviour_updates must be a whole number, got 2.0"),
    ("candidates", 0, "candidates must be at least 1, got 0"),
    ("candidates", True, "candidates must be a whole number, got True"),
    ("time_mean", float("inf"), "time_mean must be finite, got inf"),
    ("rho", -0.1, "rho must be >= 0, got -0.1"),
    ("kappa", 0, "kappa must lie strictly between 0 and 1, got 0.0"),
    ("kappa", 1, "kappa must lie strictly between 0 and 1, got 1.0"),
    ("actor_rate", 0.0, "actor_rate must be positive, got 0.0"),
    ("slow_rate", 1.5, "slow_rate must lie in [0, 1], got 1.5"),
    ("hidden", [4, 0], "hidden must be at least 1, got 0"),
    ("hidden", 4, "hidden must be a list of numbers, got 4"),
    ("warmap", 1, "everything has no hyper-parameter 'warmap'; did you mean warmup?"),
]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("time_std", 0.0, "time_std must be positive, got 0.0"),
        ("flow_ratio", 1.5, "flow_ratio must lie in [0, 1], got 1.5"),
    ],
)
def test_the_times_of_ofql_have_a_law(name: str, value: float, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_config(ALGORITHMS["ofql"], {name: value})
    assert str(caught.value) == message


def test_every_kind_of_value_is_taken() -> None:
    config = make_config(METHOD, GOOD)
    assert vars(config) == {**vars(Everything()), **GOOD}


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_a_value_of_another_kind_or_range_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_config(METHOD, {name: value})
    assert str(caught.value) == message


ROWS = [
    (method, domain, row)
    for method, table in tuned.tables().items()
    for part in (table, table.get(tuned.PAPER, {}))
    for domain, row in part.items()
    if domain in tuned.domains(part)
]


@pytest.mark.parametrize(("method", "domain", "row"), ROWS, ids=lambda part: part if isinstance(part, str) else "")
def test_a_tuned_row_fits_its_method(method: str, domain: str, row: Mapping[str, Any]) -> None:
    assert method in ALGORITHMS
    config = make_config(ALGORITHMS[method], row)
    assert row
    for name, value in row.items():
        assert getattr(config, name) == value


def test_a_tuned_table_names_its_source() -> None:
    for method, table in tuned.tables().items():
        assert isinstance(table.get(tuned.SOURCE), str), method
        assert table[tuned.SOURCE].strip(), method
        assert tuned.domains(table) or table.get(tuned.PAPER), method
        assert tuned.SOURCE not in table.get(tuned.PAPER, {}), method
        assert tuned.PAPER not in table.get(tuned.PAPER, {}), method


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method with rows of its own, in place of the file's."""
    rows = {
        "source": "script",
        "cube": {"inv_temp": 1.0},
        "cube-triple": {"inv_temp": 3.0, "candidates": 16},
        "paper": {"cube-triple": {"inv_temp": 10.0}, "scene": {"rho": 0.0}},
    }
    monkeypatch.setattr(tuned, "tables", lambda: {"everything": rows})
    monkeypatch.setitem(ALGORITHMS, "everything", METHOD)


@pytest.mark.usefixtures("table")
def test_the_longest_domain_counts_and_the_paper_lies_over_the_script() -> None:
    script, both = "script", "script; the paper where it prints others"
    expected = {
        (TRIPLE, "released"): ({"inv_temp": 3.0, "candidates": 16}, "cube-triple", script),
        (TRIPLE, "paper"): ({"inv_temp": 10.0, "candidates": 16}, "cube-triple", both),
        (TRIPLE, "none"): ({}, "", ""),
        ("cube-single-play-singletask-v0", "paper"): ({"inv_temp": 1.0}, "cube", script),
        ("scene-play-singletask-v0", "released"): ({}, "", ""),
        ("scene-play-singletask-v0", "paper"): ({"rho": 0.0}, "scene", both),
        ("puzzle-3x3-play-singletask-v0", "released"): ({}, "", ""),
    }
    for (env, which), (values, domain, source) in expected.items():
        assert tuned.tuned("everything", env, which) == tuned.Tuned(values, domain, source)  # type: ignore[arg-type]
    assert tuned.tuned("another", TRIPLE, "released") == tuned.Tuned()


@pytest.mark.parametrize("method", ALGORITHMS)
def test_benchmarks_do_not_share_rows(method: str) -> None:
    """But for ant mazes in general: OGBench and D4RL have some of the same sizes with other data."""
    rows = {
        name: {tuned.tuned(method, task, "released").domain for task in tasks} - {"", "antmaze"}
        for name, tasks in (("ogbench", task_names()), ("d4rl", GYMNASIUM_TASKS))
    }
    assert not rows["ogbench"] & rows["d4rl"]
    assert (
        tuned.tuned("qam", "antmaze-large-navigate-singletask-task1-v0", "released").domain == "antmaze-large-navigate"
    )
    assert tuned.tuned("qam", "antmaze-large-play-v2", "released").domain == "antmaze"
    assert tuned.tuned("fql", "antmaze-large-play-v2", "released").domain == "antmaze-large-play"


@pytest.mark.usefixtures("table")
def test_presets_go_by_what_a_method_has() -> None:
    paper = presets.preset("paper", "everything", TRIPLE).values
    assert paper == {"inv_temp": 3.0, "candidates": 16}
    quick = presets.preset("quick", "everything", TRIPLE)
    assert quick.values["hidden"] == (128, 128, 128)
    assert quick.values["candidates"] == presets.FEW
    assert quick.values["inv_temp"] == 3.0
    # Moments keep their order and leave most of the run to what comes after them.
    assert quick.values["behaviour_updates"] == quick.updates // 4
    assert quick.values["warmup"] == quick.updates // 8
    assert set(quick.values) <= set(vars(Everything()))


@pytest.mark.usefixtures("table")
def test_a_run_says_which_tuned_values_it_uses() -> None:
    def sentence(env: str, which: tuned.Which, **changes: Any) -> str:
        config = make_config(METHOD, {**tuned.tuned("everything", env, which).values, **changes})
        return presets.tuned_values("everything", env, which, config).sentence(env)

    assert sentence(TRIPLE, "released") == "tuned values of cube-triple: inv_temp 3.0, candidates 16; from script"
    assert sentence(TRIPLE, "released", inv_temp=7.0) == (
        "tuned values of cube-triple: candidates 16; replaced by the preset or an option: inv_temp; from script"
    )
    assert sentence("scene-play-singletask-v0", "released") == "tuned values: none for scene-play-singletask-v0"
    assert sentence(TRIPLE, "none") == "tuned values: not wanted"
    assert settings.moments(METHOD) == {"warmup", "behaviour_updates"}
