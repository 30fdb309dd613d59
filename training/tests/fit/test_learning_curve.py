from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text

from basenji_training.fit.learning_curve import draw_learning_curve, plot_learning_curve

#: The course of the validation correlation: the best is the last, the first, in between, the only.
COURSES = {
    "rising": np.linspace(0.1, 0.8, 40),
    "falling": np.linspace(0.8, 0.1, 40),
    "hump": 0.8 - np.linspace(-1, 1, 21) ** 2,
    "level": np.full(3, 0.5),
    "two": np.array([0.3, 0.2]),
    "one": np.array([0.4]),
}


def history(values, heads=()):
    return [
        {
            "epoch": float(number),
            "loss": 1 / number,
            "validation_loss": 1.1 / number,
            "validation_r": float(value),
            **{f"validation_r_{head}": float(value) + 0.1 * i for i, head in enumerate(heads)},
        }
        for number, value in enumerate(values, start=1)
    ]


def drawn(values, heads=()):
    figure = draw_learning_curve(history(values, heads))
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("heads", [(), ("human", "mouse")])
@pytest.mark.parametrize("values", COURSES.values(), ids=COURSES)
def test_the_label_of_the_best_epoch_lies_over_no_curve(values, heads):
    axes = drawn(values, heads).axes[1]
    (label,) = (each for each in axes.texts if isinstance(each, Annotation))
    best = int(values.argmax())
    assert label.get_text() == f"best: {values[best]:.3f} (epoch {best + 1})"
    assert label.xy == (best + 1, values[best])
    text = Text.get_window_extent(label)
    assert all(axes.bbox.contains(*corner) for corner in text.corners())
    # Nothing that is drawn lies behind it.
    for line in axes.lines:
        assert (
            not line.get_transform()
            .transform_path(line.get_path())
            .intersects_bbox(text, filled=False)
        )
    legend = axes.get_legend()
    assert legend is None or not legend.get_window_extent().overlaps(axes.bbox)


@pytest.mark.parametrize("values", COURSES.values(), ids=COURSES)
def test_epochs_have_whole_numbers(values):
    axes = drawn(values).axes[1]
    low, high = axes.get_xlim()
    shown = [
        (at, text.get_text())
        for at, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= at <= high
    ]
    assert shown
    assert all(text == f"{at:.0f}" and at == round(at) for at, text in shown)


def test_few_epochs_are_points():
    for number, marked in ((1, True), (20, True), (21, False)):
        lines = [
            line
            for axes in drawn(np.linspace(0.1, 0.8, number), ("human", "mouse")).axes
            for line in axes.lines
            if line.get_marker() != "o"
        ]
        assert len(lines) == 5
        assert {line.get_marker() not in ("", "None") for line in lines} == {marked}


def test_an_existing_picture_is_replaced(tmp_path):
    (tmp_path / "curve.png").write_text("earlier")
    plot_learning_curve(history([0.2, 0.3]), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
