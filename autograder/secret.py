"""The course's secret, from which each submission's hidden tests draw their own inputs.

`course_secret` makes the file .course_secret, readable for its owner only, when there is none. Whoever has that file
can work out the inputs of every hidden test, and without it no mark can be had again exactly: keep it, and out of git.
"""

import hmac
import os
import re
import secrets
from pathlib import Path

from sqlalchemy import create_engine, text

from autograder.course import Course, Refusal


def course_secret(root: Path) -> str:
    """The secret of the course in folder `root`, 64 hexadecimal digits, made on first use; Refusal if it is damaged."""
    path = Path(root) / ".course_secret"
    if not path.exists():
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            os.fsync(file.fileno())
        os.replace(temporary, path)
    secret = path.read_text(encoding="ascii", errors="replace").strip()
    if not re.fullmatch("[0-9a-f]{64}", secret):
        raise Refusal(f"{path} is damaged: put back the copy from your backup.")
    return secret


def check_secret(course: Course, secret: str) -> None:
    """Keep a fingerprint of the secret in the gradebook; Refusal where the marks there were made under another one."""
    fingerprint = hmac.new(secret.encode(), b"fingerprint", "sha256").hexdigest()
    engine = create_engine(course.db_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS autograder_secret (fingerprint VARCHAR(64) PRIMARY KEY)"))
        known = connection.execute(text("SELECT fingerprint FROM autograder_secret")).scalars().all()
        if not known:
            connection.execute(text("INSERT INTO autograder_secret VALUES (:value)"), {"value": fingerprint})
    engine.dispose()
    if known and known != [fingerprint]:
        raise Refusal(
            "The marks in the gradebook were made under another course secret: put back the .course_secret that "
            "belongs to it, or move the gradebook away to start anew."
        )


def submission_key(secret: str, student: str, chapter: str) -> str:
    """EMBEDLAB_CHECK_KEY for one submission: HMAC-SHA256 of "student/chapter" under the secret, in hexadecimal."""
    return hmac.new(secret.encode(), f"{student}/{chapter}".encode(), "sha256").hexdigest()
