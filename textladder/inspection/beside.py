"""Where the names of marks in a figure stand, so that they cover neither each other nor a mark."""

from __future__ import annotations

from collections.abc import Mapping

# A figure of the page at half its width, in pixels: where names fit in it they fit in a wider one.
WIDE, TALL = 400, 290
LETTER, LINE, MARK = 7.5, 15, 7  # a letter's width, a name's height, half a mark
PLACES = ("top right", "top left", "bottom right", "bottom left")

Box = tuple[float, float, float, float]  # left, top, right, bottom


def beside(marks: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """Name -> plotly's `textposition`. marks: where each stands, as shares of the figure from the left and
    from the bottom. Each name takes the first of PLACES where it covers least; from the middle on those to
    the left come first."""
    at = {name: (x * WIDE, (1 - y) * TALL) for name, (x, y) in marks.items()}
    taken = [(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in at.values()]
    found = {}
    for name, (x, y) in at.items():
        places = sorted(PLACES, key=lambda place: (_lower(place), (x > 0.6 * WIDE) != ("left" in place)))
        boxes = {place: _box(place, x, y, LETTER * len(name)) for place in places}
        found[name] = min(boxes, key=lambda place: _outside(boxes[place]) + _covered(boxes[place], taken))
        taken.append(boxes[found[name]])
    return found


def _lower(place: str) -> bool:
    return place.startswith("bottom")


def _box(place: str, x: float, y: float, long: float) -> Box:
    left = x + MARK if "right" in place else x - MARK - long
    top = y if _lower(place) else y - LINE
    return left, top, left + long, top + LINE


def _covered(box: Box, taken: list[Box]) -> float:
    """The area that is taken already."""
    return sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )


def _outside(box: Box) -> float:
    """The area beyond the figure's sides: a name is cut there."""
    left, _, right, bottom = box
    return LINE * (max(0.0, -left) + max(0.0, right - WIDE)) + max(0.0, bottom - TALL) * (right - left)
