"""report.html: one page that needs nothing beside it, made from the files of a run."""

import base64
import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import plots
from .measures import measure_of, values
from .protocols import find_protocol, reported
from .run_folder import REPORT, RunFolder
from .writing import writing

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1060px; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .9rem .15rem 0; text-align: left; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; } img { max-width: 100%; } .quiet { color: #666; }
"""
CAPTIONS = {"method": "the trained policy", "behaviour": "the behaviour-cloning policy"}


def write_report(run: RunFolder) -> Path:
    """Draw the pictures and write report.html in one step; works at any moment of a run.

    Raises:
        CheckpointError: metrics.jsonl is damaged, or a file cannot be written.
    """
    with writing(run.path / REPORT):
        return _written(run)


def _written(run: RunFolder) -> Path:
    records = run.records()
    labels = [member.label for member in run.members]
    sections = [_headline(run.config, records), _success_table(run.config, labels, records)]
    sections.append(_protocol(run.config, records))
    title = measure_of(run.config["env"]).title
    if plots.draw_success(records, labels, title, run.path / "success.png"):
        sections.append(
            f"<h2>{title.capitalize()}</h2>" + _image(run.path / "success.png", f"{title} over the updates")
        )
    for name, caption in CAPTIONS.items():
        picture = run.path / f"rollouts-{name}.png"
        if picture.is_file():
            sections.append(f"<h2>Rollouts of {caption}</h2>" + _image(picture, f"rollouts of {caption}"))
    if plots.draw_losses(records, labels, run.path / "losses.png"):
        sections.append("<h2>Losses</h2>" + _image(run.path / "losses.png", "training metrics over the updates"))
    sections += _tables(run.config)
    title = html.escape(f"{run.config['method']} on {run.config['env']}")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(sections)}</body></html>\n"
    )
    partial = run.path / f".{REPORT}.{os.getpid()}.partial"
    partial.write_text(page, encoding="utf-8")
    partial.replace(run.path / REPORT)
    return run.path / REPORT


def _headline(config: Mapping[str, Any], records: plots.Records) -> str:
    trained = [record for record in records if record["kind"] == "training"]
    step = trained[-1]["step"] if trained else 0
    seconds = sum(record["seconds"] for record in records)
    skipped = sum(sum(record.get("skipped", ())) for record in trained)
    past = f", {skipped} losses skipped that were not finite" if skipped else ""
    online = config.get("online", 0)
    end, what = config["updates"] + online, "steps" if online else "updates"
    state = "finished" if step >= end else "stopped early: resume it with veloq train --resume"
    count = len(config["seeds"])
    return (
        f"<h1>{html.escape(config['method'])} on {html.escape(config['env'])}</h1>"
        f"<p class='quiet'>{html.escape(config['backend'])}, {html.escape(config['preset'])} preset, "
        f"{count} seed{'s' if count > 1 else ''}, {step} of {end} {what} ({state}){past}, "
        f"{seconds:.0f} s of training and evaluation</p>"
    )


def _success_table(config: Mapping[str, Any], labels: Sequence[str], records: plots.Records) -> str:
    rows = []
    for policy, caption in CAPTIONS.items():
        found = [r for r in records if r["kind"] == "evaluation" and r["policy"] == policy]
        if found:
            last = found[-1]
            cells = "".join(f"<td class='number'>{value:.2f}</td>" for value in values(last))
            mean = sum(values(last)) / len(labels)
            rows.append(
                f"<tr><td>{caption}</td><td class='number'>{last['step']}</td>"
                f"<td class='number'>{last['episodes']}</td>{cells}<td class='number'><b>{mean:.2f}</b></td></tr>"
            )
    if not rows:
        return "<p>Nothing was evaluated yet.</p>"
    heads = "".join(f"<th>{html.escape(label)}</th>" for label in labels)
    title = measure_of(config["env"]).title
    return (
        f"<table><tr><th>{title} of</th><th>updates</th><th>episodes</th>{heads}<th>mean</th></tr>"
        f"{''.join(rows)}</table>"
    )


def _protocol(config: Mapping[str, Any], records: plots.Records) -> str:
    protocol = find_protocol(config.get("protocol", "veloq"))
    success = reported(protocol, records, "method")
    if success is None:
        return ""
    rates = ", ".join(f"{value:.2f}" for value in success)
    return f"<p>Protocol {protocol.name} reports {protocol.sentence()}: {rates}.</p>"


def _tables(config: Mapping[str, Any]) -> list[str]:
    shown = {key: value for key, value in config.items() if not isinstance(value, (dict, list)) and value is not None}
    groups = {
        "Hyper-parameters": config["config"],
        "Tuned values": config.get("tuned_values") or {},
        "Sweep": config.get("sweep") or {},
        "Run": {**shown, "seeds": config["seeds"]},
        "Data set": config.get("data_manifest") or {},
        "Versions": config.get("versions", {}),
    }
    return [f"<h2>{title}</h2>{_table(values)}" for title, values in groups.items() if values]


def _table(values: Mapping[str, Any]) -> str:
    rows = (f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(_text(v))}</td></tr>" for key, v in values.items())
    return f"<table>{''.join(rows)}</table>"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value)
    return str(value)


def _image(path: Path, description: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{html.escape(description)}" src="data:image/png;base64,{data}">'
