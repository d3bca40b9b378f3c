"""What instructors run: grading in which tests and answers never share a process."""
