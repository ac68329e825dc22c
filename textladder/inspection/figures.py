"""Figures of a comparison as plotly figures, from plain dicts. They serve the page and notebooks alike.

Colours belong to rungs and stay the same in every figure; marks differ in shape too, for those who see no
colours and for paper. Backgrounds are transparent and text has no colour of its own: a page may be dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textladder.inspection.beside import beside
from textladder.wording import named, words_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Ten hues that stay apart on white and on near-black.
COLOURS = (
    "#4c78a8", "#e4752b", "#3f9b76", "#c8505e", "#8f6fc2",
    "#a5761d", "#2fa3b5", "#d467a4", "#7c8b2f", "#8b8b8b",
)  # fmt: skip
SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "x",
    "triangle-down",
    "star",
    "pentagon",
    "hexagon",
)
DASHES = ("solid", "dash", "dot", "dashdot")
MOST_MARKS = 40  # checks of one training that get a mark each; more would hide the line
COST_TITLES = {
    "latency_p50_ms": "latency of {one}, p50 (ms, log scale)",
    "training_seconds": "training time (s, log scale)",
    "size_mb": "size on disk (MB, log scale)",
}
COST_UNITS = {"latency_p50_ms": "ms", "training_seconds": "s", "size_mb": "MB"}


def style(rungs: Sequence[str]) -> dict[str, dict[str, str]]:
    """rung -> {"colour", "symbol", "dash"}, by its place in the order."""
    return {
        rung: {
            "colour": COLOURS[i % len(COLOURS)],
            "symbol": SYMBOLS[i % len(SYMBOLS)],
            "dash": DASHES[i // len(COLOURS) % len(DASHES)],
        }
        for i, rung in enumerate(rungs)
    }


def trade_off(comparison: Mapping[str, Any], cost: str) -> Figure:
    """Test score with its 95 % interval against a cost (a key of COST_TITLES); the Pareto front as steps."""
    rows = [row for row in comparison["rows"] if row.get(cost)]
    look = style([row["rung"] for row in comparison["rows"]])
    by_name = {row["rung"]: row for row in rows}
    front = [by_name[rung] for rung in comparison["fronts"].get(cost, ()) if rung in by_name]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [row[cost] for row in front],
            "y": [row["score"] for row in front],
            "line": {"shape": "hv", "dash": "dot", "color": "#888888", "width": 1.5},
            "hoverinfo": "skip",
            "name": "Pareto front",
        }
    ]
    across = _log_axis([row[cost] for row in rows])
    up = _score_axis([bound for row in rows for bound in (row["score"], *row["interval"])])
    places = beside({r["rung"]: (_share(math.log10(r[cost]), across), _share(r["score"], up)) for r in rows})
    for row in rows:
        mine, chosen = look[row["rung"]], row["rung"] == comparison["pick"]["rung"]
        (low, high), name = row["interval"], _plain(row["rung"])
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [row[cost]],
                "y": [row["score"]],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - row["score"]],
                    "arrayminus": [row["score"] - low],
                    "thickness": 1.2,
                    "width": 3,
                },
                "marker": {"color": mine["colour"], "symbol": mine["symbol"], "size": 14 if chosen else 10},
                "text": [f"<b>{name}</b>" if chosen else name],
                "textposition": places[row["rung"]],
                "cliponaxis": False,
                "name": name,
                "hovertemplate": f"{name}: %{{y:.3f}} [{low:.3f}, {high:.3f}] at %{{x:,.3~g}} "
                f"{COST_UNITS[cost]}<extra></extra>",
            }
        )
    figure = _figure(
        traces, COST_TITLES[cost].format(one=words_of(comparison).one), _title(comparison), showlegend=False
    )
    figure.update_xaxes(**across)
    figure.update_yaxes(**up)
    return figure


def _share(value: float, axis: Mapping[str, Any]) -> float:
    """How far from the beginning of its axis a value lies, as a share of it."""
    low, high = axis["range"]
    return float((value - low) / (high - low))


def learning(checks: Mapping[str, Sequence[Mapping[str, Any]]], metric: str, x: str = "epoch") -> Figure:
    """Dev score by epoch or by seconds of training, one line per rung; the state that was kept is larger.

    checks: rung -> the "check" lines of its log.jsonl. x: "epoch" or "seconds"."""
    look = style(list(checks))
    when = "at epoch %{x:.3~g}" if x == "epoch" else "after %{x:,.3~g} s"
    traces = []
    for rung, points in checks.items():
        kept = max((i for i, point in enumerate(points) if point.get("best")), default=-1)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [point[x] for point in points],
                "y": [point["dev_score"] for point in points],
                "line": {"color": look[rung]["colour"], "dash": look[rung]["dash"], "width": 2},
                # Marks of several sizes are pale with a white rim, if nothing is said: small ones all rim.
                "marker": {
                    "opacity": 1,
                    "line": {"width": 0},
                    "symbol": look[rung]["symbol"],
                    "size": [
                        13 if i == kept else 6 * (len(points) <= MOST_MARKS) for i in range(len(points))
                    ],
                },
                "name": _plain(rung),
                "hovertemplate": f"{_plain(rung)}: %{{y:.3f}} {when}<extra></extra>",
            }
        )
    title = "epoch" if x == "epoch" else "seconds of training (log scale)"
    figure = _figure(traces, title, f"dev {named(metric)}", showlegend=True)  # of one rung too
    scores = [point["dev_score"] for points in checks.values() for point in points]
    figure.update_yaxes(**_score_axis(scores))
    if x != "epoch":
        seconds = [point[x] for points in checks.values() for point in points if point[x] > 0]
        figure.update_xaxes(**_log_axis(seconds))
    return figure


def data_curve(
    curves: Mapping[str, Mapping[str, Any]], metric: str, rungs: Sequence[str], counted: str = "texts"
) -> Figure:
    """Test score with interval by the number of training texts, or of what is `counted`. curves:
    `learning_curve` of compare.json."""
    look = style(rungs)
    traces = []
    for rung, curve in curves.items():
        points = curve["points"]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [point["texts"] for point in points],
                "y": [point["score"] for point in points],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [point["interval"][1] - point["score"] for point in points],
                    "arrayminus": [point["score"] - point["interval"][0] for point in points],
                    "thickness": 1,
                    "width": 3,
                },
                "line": {"color": look[rung]["colour"], "dash": look[rung]["dash"]},
                "marker": {"symbol": look[rung]["symbol"], "size": 8},
                "name": _plain(rung),
                "hovertemplate": f"{_plain(rung)}: %{{y:.3f}} with %{{x:,}} {counted}<extra></extra>",
            }
        )
    figure = _figure(traces, f"training {counted} (log scale)", f"test {named(metric)}", showlegend=True)
    counts = sorted({point["texts"] for curve in curves.values() for point in curve["points"]})
    ticks = {"tickvals": counts, "ticktext": [f"{count:,}" for count in counts]}
    figure.update_xaxes(**_log_axis(counts) | ticks)
    return figure


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Figure:
    """Gold labels in rows, predictions in columns; colour is the share of the row."""
    shares = [[round(count / max(sum(row), 1), 4) for count in row] for row in matrix]
    names = [_plain(_short(label)) for label in labels]
    figure = _figure(
        [
            {
                "type": "heatmap",
                "z": shares,
                "text": [list(row) for row in matrix],
                "x": list(range(len(labels))),
                "y": list(range(len(labels))),
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, "rgba(76,120,168,0.04)"], [1, "rgb(76,120,168)"]],
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
                # Up to this many labels the numbers can be read in the cells.
                **({"texttemplate": "%{text}"} if len(labels) <= 20 else {}),
                "hovertemplate": "%{text} of %{y} answered as %{x} (%{z:.0%})<extra></extra>",
            }
        ],
        "predicted",
        "gold",
    )
    ticks = {"tickmode": "array", "tickvals": list(range(len(labels))), "ticktext": names, "showgrid": False}
    figure.update_xaxes(**ticks, tickangle=-45 if sum(map(len, names)) > 40 else 0)
    figure.update_yaxes(**ticks, autorange="reversed")
    room = 140 + 24 * len(labels)  # of which a label takes 24 pixels: a count in a cell can be read
    figure.update_layout(height=max(360, room), meta={"least_width": room})
    return figure


def reliability(
    table: Sequence[Mapping[str, float]], rung: str, rungs: Sequence[str], tested: str = "texts"
) -> Figure:
    """How often answers of a confidence are right. table: one row per bin with from, to,
    confidence, accuracy (means) and count, of what is `tested`.
    On the diagonal confidence means what it says; below it the rung is too sure of itself."""
    colour = style(rungs)[rung]["colour"]
    figure = _figure(
        [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [0, 1],
                "y": [0, 1],
                "line": {"dash": "dot", "color": "#888888"},
                "hoverinfo": "skip",
            },
            {
                "type": "bar",
                "x": [(row["from"] + row["to"]) / 2 for row in table],
                "y": [row["accuracy"] for row in table],
                "width": [0.9 * (row["to"] - row["from"]) for row in table],
                "marker": {"color": colour, "opacity": 0.75},
                "customdata": [[row["count"], row["confidence"]] for row in table],
                "hovertemplate": "%{customdata[0]} texts: confidence %{customdata[1]:.2f}, "
                "right %{y:.2f}<extra></extra>",
            },
        ],
        "confidence",
        "share right",
        showlegend=False,
    )
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.02])
    return figure


def disagreement(
    rungs: Sequence[str], counts: Sequence[Sequence[int]], texts: int, tested: str = "texts"
) -> Figure:
    """Share of test texts, or of what is `tested`, on which two rungs answer differently, [R, R]."""
    return _shares(rungs, counts, texts, f"%{{y}} and %{{x}} differ on %{{z:.1%}} of the {tested}")


def wins(
    rungs: Sequence[str], counts: Sequence[Sequence[int]], blocks: int, tested: str = "blocks"
) -> Figure:
    """Share of test blocks, or of what is `tested`, on which the rung of the row is better than that of the
    column, [R, R]."""
    return _shares(rungs, counts, blocks, f"%{{y}} is better than %{{x}} on %{{z:.1%}} of the {tested}")


def _shares(rungs: Sequence[str], counts: Sequence[Sequence[int]], texts: int, told: str) -> Figure:
    # Of a rung and itself there is nothing to say.
    shares = [
        [None if i == j else count / max(texts, 1) for j, count in enumerate(row)]
        for i, row in enumerate(counts)
    ]
    names = [_plain(rung) for rung in rungs]
    figure = _figure(
        [
            {
                "type": "heatmap",
                "z": shares,
                "x": names,
                "y": names,
                "colorscale": [[0, "rgba(228,117,43,0.04)"], [1, "rgb(228,117,43)"]],
                "zmin": 0,
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
                "texttemplate": "%{z:.0%}",
                "hoverongaps": False,
                "hovertemplate": f"{told}<extra></extra>",
            }
        ],
        "",
        "",
    )
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_yaxes(showgrid=False, type="category", autorange="reversed")
    return figure


def _figure(traces: Sequence[dict[str, Any]], x: str, y: str, **layout: Any) -> Figure:
    import plotly.graph_objects as go

    axis = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False, "automargin": True}
    return go.Figure(
        data=list(traces),
        layout={
            # plotly's own template would add 7 kB to every figure of the page.
            "template": go.layout.Template(),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
            "height": 360,
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            # With a standoff of its own a title keeps clear of long names at the ticks.
            "xaxis": {**axis, "title": {"text": x, "standoff": 8}},
            "yaxis": {**axis, "title": {"text": y, "standoff": 8}},
            **layout,
        },
    )


def _title(comparison: Mapping[str, Any]) -> str:
    return f"test {named(comparison['metric'])}"


def _short(label: str, longest: int = 24) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"


def _plain(text: str) -> str:
    """Text as plotly shows it: it reads a little HTML (<b>, <a href>), and %{...} in templates."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")


def _score_axis(scores: Sequence[float]) -> dict[str, Any]:
    """An axis from the lowest to the highest, and a little more; where all are the same plotly would show
    them between 0 and twice as much."""
    if not scores:
        return {}
    spare = 0.06 * (max(scores) - min(scores)) or 0.01
    return {"range": [min(scores) - spare, max(scores) + spare]}


def _log_axis(values: Sequence[float]) -> dict[str, Any]:
    """A log axis with room for the names to the right of the marks, and with whole numbers at its ticks:
    plotly writes 0.2 between 0.1 and 1 as a small 2."""
    if not values:
        return {"type": "log"}
    low, high = math.log10(min(values)), math.log10(max(values))
    # Rungs that cost nearly the same should look so, and a tick must be in sight.
    spare = max(0.0, 0.8 - (high - low)) / 2
    room = high - low + 2 * spare
    low, high = low - spare - 0.08 * room, high + spare + 0.2 * room
    digits = (1, 2, 5) if high - low < 3 else (1,)
    powers = range(math.floor(low), math.floor(high) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    seen = [tick for tick in ticks if low <= math.log10(tick) <= high]
    return {
        "type": "log",
        "range": [low, high],
        "tickmode": "array",
        "tickvals": seen,
        "ticktext": [f"{tick:,.6g}" for tick in seen],
    }
