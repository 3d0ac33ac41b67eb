"""The report as one self-contained HTML page."""

from collections.abc import Mapping
from html import escape
from typing import Any

from .plots import convergence
from .report import Row, number

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem; vertical-align: top }
th { border-bottom: 2px solid #1b1f24 } tr + tr td { border-top: 1px solid #d8dde3 } td.n { text-align: right }
.passed { color: #12702f } .failed { color: #b3161b; font-weight: 700 } .incomplete, .missing { color: #9a5b00 }
.skipped { color: #666 } figure, svg { display: inline-block; margin: .3rem } svg text { font-size: 10px; fill: #444 }
svg .name { text-anchor: middle; font-size: 11px } svg circle { fill: #0b5cad } svg .fit { stroke: #b3161b }
svg .grid { stroke: #e3e7eb } code { font-size: .92em }
"""


def page(table: list[Row], report: Mapping[str, Any]) -> str:
    """What was run on what, the table, the margins and the convergence plots.

    Args:
        table: rows of `report.rows`.
        report: the plain data of `report.as_json`, sealed.
    """
    totals = ", ".join(f"{value} {key}" for key, value in report["totals"].items())
    figures = "".join(convergence(curve) for row in table for curve in _distinct(row))
    body = "".join(_row(row) for row in table)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>veloq verification</title>'
        f"<style>{STYLE}</style><h1>veloq verification</h1><p>{escape(totals)}</p>"
        f"{_circumstances(report)}"
        "<table><tr><th>check</th><th>statement</th><th>backends</th><th>examples</th><th>worst error</th>"
        f"<th>tolerance</th><th>error / tolerance</th><th>verdict</th></tr>{body}</table>"
        f"<h2>Margins</h2>{_margins(report['margins'])}"
        f"<h2>Convergence</h2><p>log error against log h; red: the fitted slope.</p>{figures}</html>\n"
    )


def _circumstances(report: Mapping[str, Any]) -> str:
    parts = {part: report[part] for part in ("settings", "device", "flags", "versions", "platform")}
    parts["sha256"] = {"of the sources": report["sources_sha256"], "of the report": report["sha256"]}
    lines = [f"{part}: " + ", ".join(f"{name} {value}" for name, value in each.items()) for part, each in parts.items()]
    return "<p>" + "<br>".join(escape(line) for line in (report["date"], *lines)) + "</p>"


def _margins(closest: list[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("class", "dtype", "error / tolerance", "comparisons", "where", ""))
    body = "".join(
        f"<tr><td>{escape(row['class'])}</td><td>{escape(row['dtype'])}</td>"
        f'<td class="n">{figure(row["ratio"])}</td><td class="n">{row["comparisons"]}</td>'
        f"<td>{escape(row['what'])}<br><small>{escape(row['test'])}</small></td><td>{escape(row['remark'])}</td></tr>"
        for row in closest
    )
    return f"<p>The largest error over tolerance that this run met.</p><table><tr>{head}</tr>{body}</table>"


def figure(value: float | str) -> str:
    """A number of the report; JSON's words for what is not finite as they are."""
    return value if isinstance(value, str) else number(value)


def _row(row: Row) -> str:
    backends = "<br>".join(
        f'<span class="{state}">{escape(name)}{"" if state == "passed" else f": {state}"}</span>'
        for name, state in row.backends.items()
    )
    reasons = "".join(f"<br><small>{escape(reason)}</small>" for reason in row.reasons)
    return (
        f"<tr><td><code>{escape(row.check)}</code></td><td>{escape(row.statement)}{reasons}</td><td>{backends}</td>"
        f'<td class="n">{row.examples}</td><td class="n" title="{escape(row.what)}">{number(row.error)}</td>'
        f'<td>{number(row.bound)}<br><small>{escape(row.tolerance)}</small></td><td class="n">{number(row.ratio)}</td>'
        f'<td class="{row.verdict}">{row.verdict}</td></tr>'
    )


def _distinct(row: Row) -> list[Mapping[str, Any]]:
    """One curve per name and backend: the last one."""
    return list({(curve["what"], curve["backend"]): curve for curve in row.curves}.values())
