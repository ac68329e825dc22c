"""The sections of a comparison's page that are about text that runs on: of language models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textladder.inspection.blocks import BlockFinding, BlockFindings
from textladder.inspection.pieces import clipped, esc, figure

if TYPE_CHECKING:
    from textladder.inspection.page import Material

SHOWN = (
    ("bits_per_character", "bits per character", "{:.3f}"),
    ("perplexity", "perplexity per unit", "{:,.2f}"),
    ("perplexity_per_word", "perplexity per word", "{:,.1f}"),
    ("unknown_share", "unknown units", "{:.2%}"),
    ("spelling_bits", "spelling, bits per character", "{:.3f}"),
)


def measures(material: Material, drawn: Mapping[str, Any]) -> str:
    """Every metric of every rung: perplexities are of its own units, so they stand beside the units."""
    heads = "".join(f'<th scope="col">{name}</th>' for _, name, _ in SHOWN)
    rates = '<th scope="col">vocabulary</th><th scope="col">trained, characters/s</th>'
    body = "".join(_measured(rung, scores) for rung, scores in material.scores.items())
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">rung</th><th scope="col">units</th>'
        f"{heads}{rates}</tr></thead><tbody>{body}</tbody></table></div>"
        '<p class="soft">Test text, first seed of each rung. Bits per character and perplexity per word are '
        "of the text itself, and can be compared whatever the units; perplexity per unit only between rungs "
        "of the same units. Spelling: the part of the bits that writes what the units leave open, such as "
        "unknown words.</p>"
    )


def _measured(rung: str, scores: Mapping[str, Any]) -> str:
    values = scores["test"]["scores"]
    shown = "".join(
        f"<td>{'–' if values.get(key) is None else form.format(values[key])}</td>" for key, _, form in SHOWN
    )
    rate = scores.get("training_characters_per_second")
    trained = "–" if rate is None else f"{rate:,.0f}"
    units = esc(str(scores.get("units", "")))
    vocabulary = f"{scores['tokenizer']['vocabulary']:,}"
    return (
        f'<tr><th scope="row">{esc(rung)}</th><td>{units}</td>{shown}<td>{vocabulary}</td>'
        f"<td>{trained}</td></tr>"
    )


def hardest(material: Material, drawn: Mapping[str, Any]) -> str:
    found = material.findings
    assert isinstance(found, BlockFindings)
    return (
        f"<p>The test text has {found.texts:,} blocks, {found.characters:,} characters together.</p>"
        f'<p class="soft">The {len(found.hardest)} that cost most bits per character, in the mean of the '
        "rungs. Text that all find hard is often of another kind than the training text: tables, names, "
        "another language.</p>" + _examples(found.hardest)
    )


def disagreement(material: Material, drawn: Mapping[str, Any]) -> str:
    found = material.findings
    assert isinstance(found, BlockFindings)
    if "disagreement" not in drawn:
        return ""
    return (
        '<p class="soft">Share of the blocks of test text that cost the rung of the row fewer bits than the '
        "rung of the column.</p>"
        + figure("disagreement", "On how many blocks one rung is better than another", matrix=True)
        + f'<p class="soft">The {len(found.between)} blocks on which rungs are furthest apart.</p>'
        + _examples(found.between)
    )


def _examples(found: Iterable[BlockFinding]) -> str:
    return f'<div class="examples">{"".join(map(_example, found))}</div>'


def _example(found: BlockFinding) -> str:
    said = {rung: answer.bits_per_character for rung, answer in found.answers.items()}
    least = min(said.values())
    told = "".join(
        f"<li>{f'<b>{esc(rung)}: {bits:.3f}</b>' if bits == least else f'{esc(rung)}: {bits:.3f}'}</li>"
        for rung, bits in said.items()
    )
    return (
        f'<article class="example">{clipped(found.text)}<div class="soft">{esc(found.where)} · bits per '
        f"character</div><ul>{told}</ul></article>"
    )
