"""Pictures caught as they are written, for tests of what is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def caught(draw: Callable[[], None]) -> Figure:
    """Figure that a function writes; it is written all the same."""
    figures: list[Figure] = []
    save = Figure.savefig

    def saving(figure: Figure, *arguments: Any, **how: Any) -> None:
        figures.append(figure)
        save(figure, *arguments, **how)

    with patch.object(Figure, "savefig", saving):
        draw()
    (figure,) = figures
    return figure


def legend_texts(panel: Axes) -> list[str]:
    legend = panel.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def panel_texts(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.texts]


def numbers(values: Any) -> list[float]:
    return [float(value) for value in np.asarray(values)]
