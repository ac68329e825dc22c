"""A beam search as a tree: a section of the page of `maps`, drawn as SVG, which opens offline."""

from __future__ import annotations

from collections.abc import Sequence

from textladder.inspection.pieces import esc, seen
from textladder.search import Node, Tree, length_norm

WIDTH, HEIGHT = 128, 22  # of a node
ACROSS, DOWN = 168, 30  # from node to node
MARGIN = 8
LETTERS = 9  # of a unit that are shown; all of it is told when pointed at
KEY = (
    "Step by step from the left: each box is a unit after the one that it is tied to, with the "
    "log-probability (nats) of all units up to it, the best on top. Shaded: the translation. With a thick "
    "frame: it ended there, or nothing after it could win."
)
FATES = {"kept": "kept", "pruned": "given up", "over": "it ended there, or nothing after it could win"}


def render_tree(tree: Tree, units: Sequence[str], path: Sequence[int], alpha: float) -> str:
    """units: how the unit of each node is written. path: the numbers of the nodes of the hypothesis that was
    chosen. alpha: of the length norm that scores are divided by."""
    places = _places(tree.nodes)
    steps = max((node.place for node in tree.nodes), default=-1) + 1
    kept = [number for number, node in enumerate(tree.nodes) if node.fate != "pruned"]
    rows = [place[1] + 1 for place in places]
    few, every = max((rows[number] for number in kept), default=0), max(rows, default=0)
    way = set(path)
    edges = "".join(_edge(tree.nodes, places, number, number in way) for number in range(len(places)))
    boxes = "".join(
        _box(node, units[number], places[number], number in way, alpha)
        for number, node in enumerate(tree.nodes)
    )
    width = steps * ACROSS + 2 * MARGIN
    told = f"{steps} steps, {len(kept)} units kept, {len(places) - len(kept)} given up"
    return (
        f'<h2>What was searched</h2>\n<p class="soft">{KEY}</p>\n'
        '<form autocomplete="off"><label><input type="checkbox" id="all-nodes"> also what was given up'
        f'</label></form>\n<div class="scroll" tabindex="0" role="region" aria-label="{told}">'
        f'<svg id="tree" class="few" width="{width}" height="{_high(few)}" data-few="{_high(few)}" '
        f'data-all="{_high(every)}" role="img" aria-label="{told}">{edges}{boxes}</svg></div>'
    )


def _high(rows: int) -> int:
    return rows * DOWN + 2 * MARGIN


def _places(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    """(step, row) of each node: those kept above those given up, the better above the worse."""
    order = sorted(range(len(nodes)), key=lambda n: (nodes[n].fate == "pruned", -nodes[n].total))
    used: dict[int, int] = {}
    found = [(0, 0)] * len(nodes)
    for number in order:
        step = nodes[number].place
        found[number] = step, used.get(step, 0)
        used[step] = used.get(step, 0) + 1
    return found


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return MARGIN + place[0] * ACROSS, MARGIN + place[1] * DOWN


def _edge(nodes: Sequence[Node], places: Sequence[tuple[int, int]], number: int, chosen: bool) -> str:
    before = nodes[number].before
    if before < 0:
        return ""
    (x, y), (to, down) = _corner(places[before]), _corner(places[number])
    x, y, down, half = x + WIDTH, y + HEIGHT // 2, down + HEIGHT // 2, (to + x + WIDTH) // 2
    curve = f"M{x} {y}C{half} {y} {half} {down} {to} {down}"
    return f'<path class="{_kind(nodes[number], chosen)}" d="{curve}"></path>'


def _box(node: Node, unit: str, place: tuple[int, int], chosen: bool, alpha: float) -> str:
    x, y = _corner(place)
    unit = seen(unit)
    short = unit if len(unit) <= LETTERS else unit[: LETTERS - 1] + "…"
    score = node.total / length_norm(node.place + 1, alpha)
    told = (
        f"{unit}: {node.log_probability:.3f}; up to it {node.total:.3f}, over its length norm {score:.3f}; "
        f"{FATES[node.fate]}"
    )
    return (
        f'<g class="{_kind(node, chosen)}"><title>{esc(told)}</title>'
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4"></rect>'
        f'<text x="{x + 6}" y="{y + 15}">{esc(short)}</text>'
        f'<text class="sum" x="{x + WIDTH - 6}" y="{y + 15}">{node.total:.2f}</text></g>'
    )


def _kind(node: Node, chosen: bool) -> str:
    return f"{node.fate} chosen" if chosen else node.fate
