"""Forty frames of chapter 1's figure to a GIF: `embedlab.animate` against "save each frame as PNG, reopen, save".

Both draw the same curve at the same size in one process, in turn, several rounds; prints the median of each and their
ratio, and exits with 1 if the ratio is under 3. Writes into a temporary folder only.
"""

import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.special import expit

from embedlab import animate, plots

ROUNDS = 5
WEIGHTS = np.linspace(-0.75, 1.195, 40)
GRID = np.linspace(-6, 6, 200)


def set_up():
    """Return (figure, curve, title) of the chapter's decision-boundary figure at the first weight."""
    figure, axes = plt.subplots()
    axes.set(xlabel="x", ylabel="probability of class 1", xlim=(-6, 6), ylim=(-0.08, 1.08))
    axes.axhline(0.5, color="grey", linestyle=":")
    axes.scatter([-1, -2], [0, 0], s=90, color=plots.COLORS["orange"], edgecolor="black", label="class 0")
    axes.scatter([3, 4], [1, 1], s=90, color=plots.COLORS["blue"], edgecolor="black", label="class 1", marker="s")
    axes.legend(loc="center left")
    (curve,) = axes.plot(GRID, expit(GRID * WEIGHTS[0]), color="black")
    title = axes.text(0, 1.12, "epoch 0", fontsize=12)
    return figure, curve, title


def by_files(folder):
    """Return the bytes of the GIF made the usual way: a PNG per frame, reopened with Pillow."""
    for index, weight in enumerate(WEIGHTS):
        figure, curve, title = set_up()
        curve.set_ydata(expit(GRID * weight))
        title.set_text(f"epoch {index}")
        figure.savefig(folder / f"{index}.png", dpi=plots.DPI)
        plt.close(figure)
    return reopen_and_save(folder)


def by_files_one_figure(folder):
    """The same, but with one figure that is drawn anew for every frame: the stronger opponent."""
    figure, curve, title = set_up()
    for index, weight in enumerate(WEIGHTS):
        curve.set_ydata(expit(GRID * weight))
        title.set_text(f"epoch {index}")
        figure.savefig(folder / f"{index}.png", dpi=plots.DPI)
    plt.close(figure)
    return reopen_and_save(folder)


def reopen_and_save(folder):
    """Return the bytes of the GIF made from the PNG files in `folder`."""
    pictures = [Image.open(folder / f"{index}.png") for index in range(len(WEIGHTS))]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=150, loop=0)
    return buffer.getvalue()


def by_canvas(_folder):
    """Return the bytes of the GIF made by embedlab."""
    figure, curve, title = set_up()

    def update(index):
        curve.set_ydata(expit(GRID * WEIGHTS[index]))
        title.set_text(f"epoch {index}")
        return curve, title

    return animate.gif_bytes(animate.record(figure, update, range(len(WEIGHTS))))


def main():
    """Time the three ways in turn and print the ratios."""
    plots.use_style()
    ways = {
        "PNG files, a figure per frame": by_files,
        "PNG files, one figure": by_files_one_figure,
        "embedlab": by_canvas,
    }
    seconds = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name, way in ways.items():
                start = time.perf_counter()
                size = len(way(Path(folder)))
                seconds[name].append(time.perf_counter() - start)
                print(f"{name:32} {seconds[name][-1]:6.2f} s  {size / 1000:6.0f} kB", file=sys.stderr)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{len(WEIGHTS)} frames, median of {ROUNDS} rounds")
    for name, value in median.items():
        print(f"  {name:32} {value:6.2f} s   {value / median['embedlab']:5.1f} times embedlab's")
    ratio = median["PNG files, one figure"] / median["embedlab"]
    print(f"ratio against the stronger way: {ratio:.1f} (wanted: at least 3)")
    return 0 if ratio >= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
