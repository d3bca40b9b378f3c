# %% [markdown]
# # A lesson to attack
#
# ## Exercise 1.1: twice as much (2 points)

# %%
import numpy as np

from embedlab import check

SCALE = np.array([2.0])


# %% nbgrader={"grade": false, "grade_id": "first", "locked": false, "schema_version": 3, "solution": true, "task": false}
def first(x):
    ### BEGIN SOLUTION
    return x + SCALE[0]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "first_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(first(1.0), 3.0, call="first(1.0)")

# %% [markdown]
# ## Exercise 1.2: apply a function to every number (10 points)
#
# Write `apply(function, values)`.


# %% nbgrader={"grade": false, "grade_id": "apply", "locked": false, "schema_version": 3, "solution": true, "task": false}
def apply(function, values):
    ### BEGIN SOLUTION
    return np.array([function(value) for value in values])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "apply_values", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check.close(apply(abs, np.array([-1.0, 2.0])), np.array([1.0, 2.0]), call="apply(abs, [-1, 2])")

# %% nbgrader={"grade": true, "grade_id": "apply_drawn", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check.close(apply(lambda v: v + 1, np.array([5.0])), np.array([6.0]), call="apply(v + 1, [5])")
### BEGIN HIDDEN TESTS
drawn = check.rng("apply_drawn").normal(size=7)
expected = np.sin(drawn) + 0.731
check.close(apply(lambda v: np.sin(v) + 0.731, drawn), expected, call="apply(…) for 7 numbers")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "apply_unchanged", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
### BEGIN HIDDEN TESTS
values = check.rng("apply_unchanged").normal(size=4)
expected = values**2
with check.unchanged(call="apply(…)", values=values):
    check.close(apply(lambda v: v**2, values), expected, call="apply(v ** 2, values)")
### END HIDDEN TESTS
