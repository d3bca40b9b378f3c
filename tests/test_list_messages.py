"""tools/list_messages.py: every wrong answer with what the student is told."""

import list_messages

from autograder.lesson import chapters, read_lesson


def test_every_wrong_answer_of_a_chapter_has_a_message():
    lesson = read_lesson(chapters(list_messages.ROOT)[0])
    lines = list(list_messages.messages(lesson))
    titles = [number for number, line in enumerate(lines) if line.strip().startswith("**")]
    assert len(titles) > 20
    assert all(lines[number + 1].startswith("- ") for number in titles)
    assert any("sigmoid must not overflow" in line for line in lines)


def test_the_page_is_written_and_a_wrong_name_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(list_messages, "PAGE", tmp_path / "build" / "messages.md")
    assert list_messages.main(["01_logistic_regression"]) == 0
    assert (tmp_path / "build" / "messages.md").read_text(encoding="utf-8").startswith("# 01_logistic_regression\n")
    assert list_messages.main(["99_nothing"]) == 2
    assert "There is no chapter '99_nothing'" in capsys.readouterr().err
