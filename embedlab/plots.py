"""Figures that everybody can read: one style, colours for colour-blind readers, alternative text that arrives.

`show` puts a figure into the notebook as HTML `<img alt="…" src="data:…">`, because alternative text in an output's
metadata reaches neither JupyterLab nor an exported page. The name of the figure goes along, so that `make build` can
keep a copy under images/. Writes no file.
"""

import base64
import html
import io

import matplotlib.pyplot as plt
from IPython.display import HTML, display

COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#000000",
}
"""Okabe and Ito's palette (Color Universal Design, 2008): distinct with every common kind of colour blindness."""

DPI = 110
"""Pixels per inch of every figure: a width of 6 inches is 660 pixels."""


def use_style():
    """Set matplotlib's defaults for the course: palette, a light grid behind the data, readable fonts."""
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 4.0),
            "figure.dpi": DPI,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": plt.cycler(color=list(COLORS.values())[:6]),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "grid.color": "#DDDDDD",
            "legend.frameon": False,
            "legend.fontsize": 10,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "lines.linewidth": 2,
        }
    )


def show(figure, *, name, alt):
    """Show a matplotlib figure in the notebook with alternative text, and close it.

    name: the figure's file name in images/, without its ending; letters, digits, hyphens and underscores.
    alt: one or two sentences that tell someone who cannot see the figure what it shows.
    Raises ValueError on an empty `alt` or a name with other characters.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(figure)
    display(HTML(image_html(buffer.getvalue(), "image/png", name=name, alt=alt)))


def image_html(data, mime, *, name, alt):
    """Return `<img>` with the bytes `data` inside; `name`, `alt` and what is raised are as in `show`."""
    if not alt.strip():
        raise ValueError(f"figure {name!r} needs alternative text: say in a sentence what it shows")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"a figure's name is its file name, of letters, digits, - and _ only: {name!r}")
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return (
        f'<img alt="{html.escape(" ".join(alt.split()))}" data-figure="{name}" style="max-width: 100%" src="{source}">'
    )
