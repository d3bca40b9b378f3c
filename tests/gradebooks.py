"""What is in a gradebook, as plain values that two gradebooks can be compared by."""

from nbgrader.api import Gradebook

from autograder.course import open_course


def dump(root, db_url=None) -> list[tuple]:
    """Every mark and comment in the gradebook of the course in folder `root`, sorted; without the database's ids."""
    course = open_course(root, db_url)
    found = []
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        found += [("student", student.id) for student in gradebook.students]
        for assignment in gradebook.assignments:
            found.append(("assignment", assignment.name, assignment.max_score))
            for submission in assignment.submissions:
                place = (assignment.name, submission.student.id)
                found.append(("submission", *place, str(submission.timestamp), submission.score))
                for notebook in submission.notebooks:
                    place = (assignment.name, submission.student.id, notebook.name)
                    found.append(("notebook", *place, notebook.score, notebook.late_submission_penalty))
                    for grade in notebook.grades:
                        marks = (grade.auto_score, grade.manual_score, grade.extra_credit)
                        found.append(("grade", *place, grade.name, grade.max_score, *marks, grade.needs_manual_grade))
                    for comment in notebook.comments:
                        found.append(("comment", *place, comment.name, comment.auto_comment, comment.manual_comment))
    return sorted(found, key=repr)
