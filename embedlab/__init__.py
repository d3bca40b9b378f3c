"""The helper package of the course: what at least two chapters share, and nothing else.

`check` compares answers and speaks to students, `plots` shows figures with alternative text, `animate` turns a
training run into a GIF or a slider. `data` loads the course's texts and tables, `text` turns tokens into ids, `optim`
has the optimisers that SciPy has not. Importing the package changes nothing; `check` alone registers a handler with
IPython, so that a failed test cell shows one sentence in place of a page of traceback.
"""
