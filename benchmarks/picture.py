"""The figures as a picture: a bar for each that has an aim, as long as the part of the aim that it takes up."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from measure import Row, Subject

WIDTH, LEFT, LINE, BAR = 960, 470, 22, 12
SCALE = 220  # pixels from nothing to the aim
LONGEST = 1.35
# Middle tones, which are readable on white and on black.
TEXT, MET, MISSED = "#7a828b", "#2f9e5b", "#d4622a"


def draw(subjects: Sequence[Subject], caption: str) -> str:
    """Return the figures as SVG."""
    shapes, y = [], LINE
    for subject in subjects:
        rows = [row for row in subject.rows if row.aim]
        if rows:
            shapes.append(_text(10, y + BAR, subject.title, "bold"))
            y += LINE
        for row in rows:
            shapes += _bar(row, y)
            y += LINE
    line = f'<path d="M{LEFT + SCALE} {LINE}V{y}" stroke="{TEXT}" stroke-dasharray="4 3"/>'
    shapes += [line, _text(LEFT + SCALE - 12, LINE - 6, "aim"), _text(10, y + LINE, caption)]
    size = f'width="{WIDTH}" height="{y + 2 * LINE}" viewBox="0 0 {WIDTH} {y + 2 * LINE}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13" fill="{TEXT}">'
    return "\n".join([head, *shapes, "</svg>", ""])


def part_of_aim(row: Row) -> float:
    """Return how much of the aim is taken up: up to 1, it is met."""
    assert row.aim is not None
    return row.value / row.aim if row.is_limit else row.aim / row.value


def _bar(row: Row, y: int) -> list[str]:
    length = min(part_of_aim(row), LONGEST) * SCALE
    colour = MET if row.is_met() else MISSED
    rectangle = f'<rect x="{LEFT}" y="{y + 2}" width="{length:.0f}" height="{BAR}" rx="2" fill="{colour}"/>'
    label = f"{row.shown_value()}, aim {row.shown_aim()}"
    return [_text(24, y + BAR, row.what), rectangle, _text(LEFT + LONGEST * SCALE + 10, y + BAR, label)]


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y}" font-weight="{weight}">{escape(text)}</text>'
