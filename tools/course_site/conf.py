"""Settings of Sphinx for the course's site; tools/make_site.py adds the title and says which pages there are.

Nothing here may make a page fetch anything from elsewhere, or put a date or a random number into it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = author = "Embeddings from scratch"
extensions = ["myst_nb", "mathml"]

smartquotes = False  # quotes as they are written, as in JupyterLab

# Notebooks are shown as they are committed.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["dollarmath"]
# What JupyterLab takes for text is text here too.
myst_disable_syntax = [
    "footnote_ref",
    "footnote_def",
    "myst_line_comment",
    "myst_block_break",
    "myst_role",
    "myst_target",
]
myst_dmath_double_inline = True
myst_heading_anchors = 4
html_math_renderer = "mathml"

html_theme = "furo"
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["course.css"]
html_js_files = ["course.js"]
html_permalinks_icon = "#"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses from file://
html_use_index = False
html_domain_indices = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
