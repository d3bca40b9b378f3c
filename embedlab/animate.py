"""A training run as a moving picture: frames straight from the canvas, then a GIF or a slider.

The usual way saves every frame as a PNG, opens it again and lets the GIF writer find new colours for each. Here the
axes are drawn once, each frame draws only what moved on top of them, and all frames share one colour table
(`benchmarks/animation.py` compares the two). Writes no file.
"""

import io
import os

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from embedlab.plots import image_html


def record(figure, update, frames, *, colors=128):
    """Return one picture per item of `frames`, and close the figure.

    update: a function that takes an item of `frames`, changes some artists of the figure, and returns them. It must
        return the same artists each time; everything else is drawn once and stays behind them.
    colors: the size of the shared colour table, at most 256.
    Returns a list of PIL images in palette mode. Raises ValueError where `frames` is empty or artists come and go.
    """
    frames = list(frames)
    if not frames:
        raise ValueError("an animation needs at least one frame")
    canvas = FigureCanvasAgg(figure)
    moving = sorted(update(frames[0]), key=lambda artist: artist.get_zorder())
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    pictures = []
    for frame in frames:
        if set(update(frame)) != set(moving):
            raise ValueError(f"update({frame!r}) returned other artists than update({frames[0]!r})")
        canvas.restore_region(background)
        for artist in moving:
            figure.draw_artist(artist)
        pictures.append(np.array(canvas.buffer_rgba())[..., :3])
    plt.close(figure)
    return _share_colors(pictures, colors)


def _share_colors(pictures, colors):
    """Return RGB arrays as palette-mode images; the palette is the commonest colours of the first, middle and last.

    Colours in the palette stay exact (white stays white), each other one becomes its nearest neighbour in RGB.
    """
    sample = np.stack([pictures[0], pictures[len(pictures) // 2], pictures[-1]])
    codes, counts = np.unique(_code(sample), return_counts=True)
    table = np.sort(codes[np.argsort(-counts, kind="stable")[:colors]])
    palette = np.stack([table >> 16, table >> 8 & 255, table & 255], axis=1).astype(np.uint8)
    result = []
    for picture in pictures:
        code = _code(picture)
        index = np.searchsorted(table, code).clip(max=len(table) - 1)
        strangers, place = np.unique(code[table[index] != code], return_inverse=True)
        channels = np.stack([strangers >> 16, strangers >> 8 & 255, strangers & 255], axis=1).astype(int)
        nearest = ((channels[:, None, :] - palette[None].astype(int)) ** 2).sum(axis=2).argmin(axis=1)
        index[table[index] != code] = nearest[place]
        image = Image.fromarray(index.astype(np.uint8))
        image.putpalette(palette.tobytes())
        result.append(image)
    return result


def _code(rgb):
    """Return one integer 0xRRGGBB per pixel of a uint8 array (..., 3)."""
    rgb = rgb.astype(np.uint32)
    return rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]


def gif_bytes(pictures, *, milliseconds=150):
    """Return the pictures of `record` as the bytes of a GIF that repeats for ever and rests on its last frame."""
    buffer = io.BytesIO()
    durations = [milliseconds] * (len(pictures) - 1) + [10 * milliseconds]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1)
    return buffer.getvalue()


def show_gif(pictures, *, name, alt, milliseconds=150):
    """Show the pictures of `record` as a GIF with alternative text; `name` and `alt` as in plots.show."""
    display(HTML(image_html(gif_bytes(pictures, milliseconds=milliseconds), "image/gif", name=name, alt=alt)))


def show_slider(pictures, *, name, alts, label="epoch", start=None):
    """Let the reader move through the pictures of `record`; elsewhere than in live JupyterLab, show one of them.

    alts: one alternative text per picture.
    start: index of the picture to begin with, and of the one that exported pages show; by default the last.
    Raises ValueError if there is not one text per picture.
    """
    if len(alts) != len(pictures):
        raise ValueError(
            f"show_slider needs one alternative text per picture: {len(alts)} texts, {len(pictures)} pictures"
        )
    start = len(pictures) - 1 if start is None else start

    def page(index):
        buffer = io.BytesIO()
        pictures[index].save(buffer, "PNG")
        return image_html(buffer.getvalue(), "image/png", name=name, alt=alts[index])

    if not is_live():
        display(HTML(page(start)))
        return
    slider = ipywidgets.IntSlider(value=start, min=0, max=len(pictures) - 1, description=label)
    play = ipywidgets.Play(value=start, min=0, max=len(pictures) - 1, interval=150)
    view = ipywidgets.HTML(page(start))
    ipywidgets.jslink((play, "value"), (slider, "value"))
    slider.observe(lambda change: setattr(view, "value", page(change["new"])), names="value")
    display(ipywidgets.VBox([ipywidgets.HBox([play, slider]), view]))


def is_live():
    """Return whether this kernel serves a notebook in a browser (Jupyter Server names the session) and widgets work."""
    return "JPY_SESSION_NAME" in os.environ
