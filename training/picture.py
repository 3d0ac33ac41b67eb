"""A figure becomes a PNG file, whole or not at all."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def save_picture(figure: Figure, path: Path) -> None:
    """Draw without a display under a temporary name, then rename."""
    FigureCanvasAgg(figure)
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", dpi=110)
    partial.replace(path)
