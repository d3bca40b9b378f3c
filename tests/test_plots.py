"""A figure arrives in the notebook with its alternative text, its name and nothing else."""

import base64
import io

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from embedlab import plots


@pytest.fixture
def shown(monkeypatch):
    """The HTML of everything that `plots` displays."""
    pages = []
    monkeypatch.setattr(plots, "display", lambda page: pages.append(page.data))
    return pages


def draw_line():
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.plot([0, 1], [0, 1])
    return figure


def test_show_embeds_a_png_with_its_name_and_alternative_text(shown):
    plots.show(draw_line(), name="a_line", alt='A line that rises\n   from 0 to "one" & <ends>.')
    (page,) = shown
    assert page.startswith(
        '<img alt="A line that rises from 0 to &quot;one&quot; &amp; &lt;ends&gt;." data-figure="a_line"'
    )
    data = base64.b64decode(page.split("data:image/png;base64,")[1].split('"')[0])
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (3 * plots.DPI, 2 * plots.DPI)
    assert "Software" not in picture.info


def test_show_closes_the_figure_and_is_deterministic(shown):
    before = plt.get_fignums()
    plots.show(draw_line(), name="a_line", alt="A line.")
    plots.show(draw_line(), name="a_line", alt="A line.")
    assert plt.get_fignums() == before
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("name", "alt", "words"),
    [("a", "  ", "needs alternative text"), ("../a", "A line.", "file name"), ("", "A line.", "file name")],
)
def test_show_refuses_a_figure_that_nobody_could_find_or_hear(shown, name, alt, words):
    with pytest.raises(ValueError, match=words):
        plots.show(draw_line(), name=name, alt=alt)
    assert shown == []


def luminance(color):
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colors_used_together_differ_in_brightness_too():
    values = sorted(luminance(plots.COLORS[name]) for name in ("black", "blue", "orange"))
    assert min(b - a for a, b in zip(values, values[1:], strict=False)) > 0.15
