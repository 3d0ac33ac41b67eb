"""Convergence plots as inline SVG: log error against log h, with the fitted and the stated order."""

import math
from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, HEIGHT, MARGIN = 300, 220, 44


def convergence(curve: Mapping[str, Any]) -> str:
    """One curve as an SVG figure.

    Args:
        curve: `what`, `backend`, `steps`, `errors`, `order`, `fitted` as `assert_order` recorded them.
    """
    sizes = [math.log10(1 / steps) for steps in curve["steps"]]
    errors = [math.log10(error) for error in curve["errors"]]
    left, right = min(sizes), max(sizes)
    low, high = math.floor(min(errors)), math.ceil(max(errors) + 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / max(right - left, 1e-9) * (WIDTH - 2 * MARGIN) + MARGIN
        return across, HEIGHT - MARGIN - (y - low) / max(high - low, 1) * (HEIGHT - 2 * MARGIN)

    points = [place(x, y) for x, y in zip(sizes, errors, strict=True)]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
    middle, level = sum(sizes) / len(sizes), sum(errors) / len(errors)
    line = [place(x, level + curve["fitted"] * (x - middle)) for x in (left, right)]
    decades = "".join(_decade(place(left, exponent)[1], exponent) for exponent in range(low, high + 1))
    title = f"{curve['what']} ({curve['backend']})"
    label = f"fitted order {curve['fitted']:.3f}, stated {curve['order']:g}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">'
        f"<title>{escape(title)}: {label}</title>{decades}"
        f'<line class="fit" x1="{line[0][0]:.1f}" y1="{line[0][1]:.1f}" x2="{line[1][0]:.1f}" y2="{line[1][1]:.1f}"/>'
        f'{dots}<text x="{WIDTH / 2}" y="14" class="name">{escape(title[:48])}</text>'
        f'<text x="{WIDTH / 2}" y="28" class="name">{label}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 26}">h = 1/{max(curve["steps"]):g}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 26}" text-anchor="end">1/{min(curve["steps"]):g}</text></svg>'
    )


def _decade(y: float, exponent: int) -> str:
    return (
        f'<line class="grid" x1="{MARGIN}" y1="{y:.1f}" x2="{WIDTH - MARGIN}" y2="{y:.1f}"/>'
        f'<text x="{MARGIN - 4}" y="{y + 4:.1f}" text-anchor="end">1e{exponent}</text>'
    )
