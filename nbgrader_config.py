"""nbgrader's settings for this course: its folders, its stubs, what feedback shows, how long a cell may run.

Changes nothing itself. Every nbgrader command started in this folder reads it, and so do the Validate button and the
Create Assignment panel of a JupyterLab started here. Our own preprocessors are named by their dotted names, so that
this file also loads where the autograder is not installed, such as in a student's copy of the course.
"""

from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.preprocessors import ClearSolutions

c = get_config()  # noqa: F821 (given by whoever loads this file)

c.CourseDirectory.course_id = "embeddings_from_scratch"
c.CourseDirectory.release_directory = "notebooks"

# nbgrader copies every file beside a lesson to the students, and every file beside a submission to the grader, unless
# it is named here: lesson scripts with their solutions, and what editors leave behind.
c.CourseDirectory.ignore = [
    "*.py", "*.py.*", "*.pyc", "__pycache__", ".*", "*~", "#*", "*.bak", "*.orig", "*.rej", "*.tmp", "feedback",
]  # fmt: skip

stock = GenerateAssignment.class_traits()["preprocessors"].default()
ours = ["autograder.stubs.NamedStubs" if step is ClearSolutions else step for step in stock]
c.GenerateAssignment.preprocessors = [*ours, "autograder.stubs.RunToTheEnd", "autograder.stubs.RecordContent"]

# Hidden tests are hidden in the feedback pages too.
stock = GenerateFeedback.class_traits()["preprocessors"].default()
c.GenerateFeedback.preprocessors = ["autograder.hide_tests.HideTests", *stock]

# Seconds per cell, in grading and behind the Validate button: a whole solved lesson takes under 30 on two cores.
c.Execute.timeout = 120
