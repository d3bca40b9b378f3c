"""Solved lessons, executed: quick, without a trace, and with figures that are not blank, close to the committed
pictures, and described in words.

nbval compares no picture. Here each is reduced to where it gets darker and where lighter from left to right on a coarse
grid; fonts and processors change a few of these places, another picture changes many.
"""

import io

import numpy as np
import pytest
from lessons import ROOT, SCRIPTS, committed_solution, execute_lessons, execute_solved
from PIL import Image, ImageChops, ImageDraw

figures = execute_lessons.figures

GRID = 16
TOLERANCE = 0.08  # share of places that may differ: one pixel's shift changes 0.03, the least different figures 0.14
MOST_SECONDS = 90  # of processor time: about 30 alone, half as much again where two tests share a core, and room
FILLED = 0.05  # least share of places where a picture that shows something changes


def frames(data: bytes) -> list[Image.Image]:
    """The picture's frames on white: one for a PNG, all for a GIF."""
    picture, found = Image.open(io.BytesIO(data)), []
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        frame = picture.convert("RGBA")
        found.append(Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame))
    return found


def fingerprint(frame: Image.Image) -> np.ndarray:
    """Whether the picture gets lighter (1), darker (-1) or neither (0) to the right, on a GRID by GRID grid."""
    shades = np.asarray(frame.convert("L").resize((GRID + 1, GRID), Image.Resampling.BOX), dtype=float)
    steps = np.diff(shades, axis=1)
    return np.sign(steps) * (np.abs(steps) > 2)


def complaints(data: bytes, committed: bytes) -> list[str]:
    """What is wrong with a drawn picture, compared with the committed one; empty when all is well."""
    drawn, wanted = frames(data), frames(committed)
    if len(drawn) != len(wanted):
        return [f"{len(drawn)} frames instead of {len(wanted)}"]
    found = []
    for number in sorted({0, len(drawn) // 2, len(drawn) - 1}):
        ours, theirs = fingerprint(drawn[number]), fingerprint(wanted[number])
        if np.mean(ours != 0) < FILLED:
            found.append(f"frame {number} is blank")
        elif (distance := np.mean(ours != theirs)) > TOLERANCE:
            found.append(f"frame {number} differs in {distance:.0%} of its places")
    return found


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def script(request):
    return request.param


def test_a_solved_lesson_is_quick_and_changes_no_tracked_file(script):
    _, seconds, changed = execute_solved(script)
    assert 0.5 < seconds < MOST_SECONDS, f"{script.stem} takes {seconds:.0f} s of processor time solved"
    assert changed == []


def test_drawn_figures_are_like_the_committed_pictures(script):
    drawn = figures(execute_solved(script)[0])
    folder = ROOT / "images" / script.stem
    assert drawn.keys() == {path.name for path in folder.iterdir()}, "run `make build`"
    wrong = {name: complaints(data, (folder / name).read_bytes()) for name, (data, _) in drawn.items()}
    assert not any(wrong.values()), wrong


def test_every_chapter_has_a_figure_and_a_moving_one(script):
    shown = figures(committed_solution(script))
    assert any(name.endswith(".png") for name in shown) and any(name.endswith(".gif") for name in shown)


def test_moving_pictures_move(script):
    for name, (data, _) in figures(committed_solution(script)).items():
        if name.endswith(".gif"):
            shown = frames(data)
            changes = [
                ImageChops.difference(a, b).convert("RGB").getbbox() for a, b in zip(shown, shown[1:], strict=False)
            ]
            assert len(shown) >= 10 and sum(map(bool, changes)) >= len(changes) / 2, name


def test_figures_are_described_in_words(script):
    for name, (_, words) in figures(committed_solution(script)).items():
        assert len(words.split()) >= 6, f"{name}: {words!r} does not say what the figure shows"


def png(*shapes) -> bytes:
    """A white picture with dark boxes."""
    image, file = Image.new("RGB", (320, 200), "white"), io.BytesIO()
    for box in shapes:
        ImageDraw.Draw(image).rectangle(box, fill="navy")
    image.save(file, "PNG")
    return file.getvalue()


BARS = [(20, 150, 60, 190), (100, 90, 140, 190), (180, 20, 220, 190)]


def test_the_check_accepts_a_picture_that_is_moved_by_one_pixel():
    assert complaints(png(*[tuple(side + 1 for side in box) for box in BARS]), png(*BARS)) == []


@pytest.mark.parametrize(
    ("drawn", "complaint"),
    [(png(), "frame 0 is blank"), (png(*[(y, x, b, a) for x, y, a, b in BARS]), "frame 0 differs")],
)
def test_the_check_rejects_a_blank_and_a_different_picture(drawn, complaint):
    [found] = complaints(drawn, png(*BARS))
    assert found.startswith(complaint)


def test_the_check_rejects_a_moving_picture_that_stands_still():
    first, second, file = frames(png(*BARS))[0], frames(png(*BARS[:1]))[0], io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=[second])
    assert complaints(png(*BARS), file.getvalue()) == ["1 frames instead of 2"]
