"""Frames show what a full redraw would show, the GIF holds them all, and the slider knows where it is."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from embedlab import animate


def moving_dot():
    """Return (figure, update) of a dot that moves along the diagonal, with its position as a headline."""
    figure, axes = plt.subplots(figsize=(3, 2), dpi=80)
    axes.set(xlim=(0, 10), ylim=(0, 10))
    (dot,) = axes.plot([0], [0], "o")
    text = axes.text(0, 10.5, "")

    def update(position):
        dot.set_data([position], [position])
        text.set_text(f"at {position}")
        return dot, text

    return figure, update


@pytest.fixture
def shown(monkeypatch):
    """Everything that `animate` displays."""
    things = []
    monkeypatch.setattr(animate, "display", things.append)
    return things


def test_each_frame_equals_a_full_redraw():
    figure, update = moving_dot()
    pictures = animate.record(figure, update, range(10), colors=256)
    for position in (0, 4, 9):
        figure, update = moving_dot()
        update(position)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=80)
        plt.close(figure)
        expected = np.asarray(Image.open(buffer).convert("RGB"), dtype=int)
        found = np.asarray(pictures[position].convert("RGB"), dtype=int)
        assert found.shape == expected.shape
        assert np.abs(found - expected).mean() < 0.5
        assert (found[0, 0] == 255).all()


def test_record_closes_the_figure():
    before = plt.get_fignums()
    figure, update = moving_dot()
    animate.record(figure, update, range(3))
    assert plt.get_fignums() == before


def test_record_refuses_no_frames_and_artists_that_come_and_go():
    figure, update = moving_dot()
    with pytest.raises(ValueError, match="at least one frame"):
        animate.record(figure, update, [])
    with pytest.raises(ValueError, match="other artists"):
        animate.record(figure, lambda position: update(position)[: 2 - position], range(2))
    plt.close(figure)


def test_gif_has_every_frame_repeats_and_rests_at_the_end():
    pictures = animate.record(*moving_dot(), range(8))
    gif = Image.open(io.BytesIO(animate.gif_bytes(pictures, milliseconds=120)))
    assert gif.n_frames == 8
    assert gif.info["loop"] == 0
    durations = []
    for index in range(8):
        gif.seek(index)
        durations.append(gif.info["duration"])
        assert np.abs(np.asarray(gif.convert("RGB"), int) - np.asarray(pictures[index].convert("RGB"), int)).max() == 0
    assert durations == [120] * 7 + [1200]


def test_show_gif_has_alternative_text(shown):
    animate.show_gif(animate.record(*moving_dot(), range(3)), name="dot", alt="A dot moves.")
    assert shown[0].data.startswith('<img alt="A dot moves." data-figure="dot"')
    assert "data:image/gif;base64," in shown[0].data


def test_slider_outside_a_live_notebook_is_one_still_picture(shown, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    animate.show_slider(animate.record(*moving_dot(), range(3)), name="dot", alts=["zero", "one", "two"], start=1)
    assert shown[0].data.startswith('<img alt="one"')


def test_slider_in_a_live_notebook_shows_the_picture_of_its_position(shown, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "work/chapter.ipynb")
    animate.show_slider(animate.record(*moving_dot(), range(3)), name="dot", alts=["zero", "one", "two"])
    controls, view = shown[0].children
    play, slider = controls.children
    assert (slider.min, slider.max, slider.value) == (0, 2, 2)
    assert 'alt="two"' in view.value
    slider.value = 0
    assert 'alt="zero"' in view.value


def test_slider_wants_a_text_per_picture():
    with pytest.raises(ValueError, match="1 texts, 3 pictures"):
        animate.show_slider(animate.record(*moving_dot(), range(3)), name="dot", alts=["zero"])
