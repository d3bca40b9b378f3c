"""One sentence on an exception that an answer raised while a test cell ran.

What it does to the world: `register_with_ipython`, called when `embedlab.check` is imported, gives IPython an exception
handler, so that a test cell which fails inside the student's function shows what was called and the student's own
lines, and a function to call after each cell. Outside IPython nothing happens.
"""

import linecache
import re
import sys

from embedlab.describe import raised

LONGEST = 60
"""A call longer than this many characters is shown as its function's name and "(…)"."""


def explain(error, source=None):
    """Return one sentence on `error`, an exception other than CheckFailure that came up while a test cell ran.

    source: the text of the cell; by default what linecache holds for it. The cell is the first module-level frame of
    the traceback; the code positions of its running instruction (PEP 657) give the expression that failed, so that
    the sentence reads "`sigmoid([-2.0, 2.0])` raised TypeError: must be real number, not list".
    The sentence of an unsolved exercise's stub is returned as it stands.
    """
    if isinstance(error, NameError) and error.name:
        return f"`{error.name}` is not defined: run the exercise's cell first, and mend it if it shows an error"
    if is_unsolved(error):
        return str(error)
    entry, _ = _cell_frame(error.__traceback__)
    expression = _running_expression(entry, source) if entry else None
    return f"`{expression}` raised {raised(error)}" if expression else raised(error)


def is_unsolved(error):
    """Return whether `error` is what the stub of an unsolved exercise raises."""
    return isinstance(error, NotImplementedError) and str(error).startswith("Exercise")


def _cell_frame(traceback):
    """Return (the traceback entry of the cell's innermost line, the entry after it), or (None, traceback)."""
    entry = traceback
    while entry is not None and entry.tb_frame.f_code.co_name != "<module>":
        entry = entry.tb_next
    if entry is None:
        return None, traceback
    filename = entry.tb_frame.f_code.co_filename
    while entry.tb_next is not None:
        code = entry.tb_next.tb_frame.f_code
        if code.co_filename != filename or not code.co_name.startswith("<"):
            break
        entry = entry.tb_next  # a lambda or comprehension of the cell itself
    return entry, entry.tb_next


def _running_expression(entry, source):
    """Return the text of the expression that the traceback entry `entry` was running, on one line, or None."""
    code = entry.tb_frame.f_code
    text = source if source is not None else "".join(linecache.getlines(code.co_filename))
    line, end_line, column, end_column = list(code.co_positions())[entry.tb_lasti // 2]
    lines = [part.encode() for part in text.splitlines()[(line or 1) - 1 : end_line]]
    if None in (line, end_line, column, end_column) or len(lines) != end_line - line + 1:
        return None
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    expression = " ".join(b" ".join(lines).decode(errors="replace").split())
    called = re.match(r"[\w.]+(?=\()", expression)
    return f"{called[0]}(…)" if called and len(expression) > LONGEST else expression


def show_in_ipython(shell, error_type, error, traceback, tb_offset=None):
    """IPython's exception handler: in a cell that uses `check`, show the sentence and the student's own lines."""
    entry, below = _cell_frame(traceback)
    uses_check = entry and "check." in "".join(linecache.getlines(entry.tb_frame.f_code.co_filename))
    if uses_check and not hasattr(error, "_render_traceback_"):
        lines = [f"\x1b[0;31m{error_type.__name__}\x1b[0m: {explain(error)}"]
        if below is not None and not isinstance(error, NotImplementedError):
            lines += ["", *shell.InteractiveTB.structured_traceback(error_type, error, below)]
        error._render_traceback_ = lambda: lines
    shell.showtraceback((error_type, error, traceback), tb_offset=tb_offset)
    return []


def register_with_ipython(report):
    """If this process is an IPython session, register `show_in_ipython`, and `report(result)` for the end of a cell."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.set_custom_exc((Exception,), show_in_ipython)
        shell.events.register("post_run_cell", report)
