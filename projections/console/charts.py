"""Charts as SVG made here: classes of base.css, a title, a description, readable without colour."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from projections.console.language import separated
from projections.console.shown import money

_TOP: Final = 40.0
_GROUND: Final = 140.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its two lines of label, its amount in major units, and whether it still runs."""

    label: str
    below: str
    amount: Decimal
    is_running: bool = False


def bars(title: str, columns: Sequence[Bar]) -> Markup:
    """Draw one bar for each day; the unfinished one is hatched."""
    highest = max((abs(bar.amount) for bar in columns), default=Decimal(0)) or Decimal(1)
    step = 400 / max(1, len(columns))
    parts = []
    for number, bar in enumerate(columns):
        middle = step * (number + 0.5)
        height = float(max(bar.amount, Decimal(0)) / highest) * (_GROUND - _TOP)
        top = _GROUND - height
        strong, fill = ("strong", "now") if bar.is_running else ("", "plain")
        parts += [
            f'<rect class="{fill}" x="{middle - step * 0.32:.1f}" y="{top:.1f}" width="{step * 0.64:.1f}" '
            f'height="{height:.1f}" rx="1.5"/>',
            _text(strong, middle, top - 6, _short(bar.amount)),
            _text(strong or "soft", middle, 156, bar.label),
            _text("soft", middle, 171, bar.below),
        ]
    description = "; ".join(f"{bar.label} {bar.below}: {money(bar.amount)}" for bar in columns)
    return _svg(
        "chart compact",
        "0 0 400 176",
        "bars",
        title,
        description,
        [*parts, f'<path class="axis" d="M0 {_GROUND:.0f}H400"/>'],
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a waterfall, in major units; a total stands on the ground, the others hang on what came before.

    kind is total, change or break (what nothing explains).
    """

    label: str
    amount: Decimal
    kind: str = "change"


def waterfall(name: str, title: str, steps: Sequence[Step]) -> Markup:
    """Draw steps that start where the last one ended: upright where there is room, lying below 36rem."""
    spans: list[tuple[Decimal, Decimal]] = []
    level = Decimal(0)
    for step in steps:
        start = Decimal(0) if step.kind == "total" else level
        level = step.amount if step.kind == "total" else level + step.amount
        spans.append((min(start, level), max(start, level)))
    low = min([Decimal(0), *(one for one, _ in spans)])
    high = max([Decimal(0), *(other for _, other in spans)])
    whole = (high - low) or Decimal(1)
    description = "; ".join(f"{step.label} {money(step.amount)}" for step in steps)
    return _upright(name, title, description, steps, spans, low, whole) + _lying(
        name, title, description, steps, spans, low, whole
    )


def _upright(
    name: str,
    title: str,
    description: str,
    steps: Sequence[Step],
    spans: Sequence[tuple[Decimal, Decimal]],
    low: Decimal,
    whole: Decimal,
) -> Markup:
    width, top, ground = 680.0, 44.0, 216.0
    pitch = width / len(steps)
    bar = min(52.0, pitch * 0.62)

    def at(level: Decimal) -> float:
        return ground - float((level - low) / whole) * (ground - top)

    parts, end = [], Decimal(0)
    for number, (step, (bottom, upper)) in enumerate(zip(steps, spans, strict=True)):
        left = pitch * number + (pitch - bar) / 2
        text = "break-text" if step.kind == "break" else ("strong" if step.kind == "total" else "")
        parts.append(
            f'<rect class="{_fill(step)}" x="{left:.1f}" y="{at(upper):.1f}" width="{bar:.1f}" '
            f'height="{max(1.5, at(bottom) - at(upper)):.1f}"/>'
            + _text(text, left + bar / 2, at(upper) - 8, _signed(step))
            + _label(step.label, left + bar / 2, 236, "break-text" if step.kind == "break" else "soft")
        )
        end = step.amount if step.kind == "total" else end + step.amount
        if number + 1 < len(steps):
            parts.append(f'<path class="link" d="M{left + bar:.1f} {at(end):.1f}H{left + pitch:.1f}"/>')
    parts.append(f'<path class="axis" d="M0 {at(Decimal(0)):.1f}H{width:.0f}"/>')
    return _svg("chart chart-wide", "0 0 680 262", f"{name}-wide", title, description, parts)


def _lying(
    name: str,
    title: str,
    description: str,
    steps: Sequence[Step],
    spans: Sequence[tuple[Decimal, Decimal]],
    low: Decimal,
    whole: Decimal,
) -> Markup:
    row, room = 40.0, 316.0
    parts = []
    for number, (step, (bottom, upper)) in enumerate(zip(steps, spans, strict=True)):
        top = row * number + 4
        left = 2 + float((bottom - low) / whole) * room
        width = max(1.5, float((upper - bottom) / whole) * room)
        text = "break-text" if step.kind == "break" else ("strong" if step.kind == "total" else "")
        parts.append(
            _text(text or "soft", 2, top + 10, step.label, "start")
            + _text(text, 318, top + 10, _signed(step), "end")
            + f'<rect class="{_fill(step)}" x="{left:.1f}" y="{top + 16:.1f}" width="{width:.1f}" height="12"/>'
        )
    return _svg("chart chart-narrow", f"0 0 320 {row * len(steps):.0f}", f"{name}-narrow", title, description, parts)


def _fill(step: Step) -> str:
    return {"total": "total", "break": "break"}.get(step.kind, "minus" if step.amount < 0 else "ok-fill")


def _signed(step: Step) -> str:
    plus = "+" if step.kind != "total" and step.amount > 0 else ""
    return plus + money(step.amount)


def _label(words: str, x: float, y: float, css: str) -> str:
    """Break a label below a bar into two lines where it has two words or more."""
    first, _, rest = words.partition(" ")
    lines = [words] if len(words) <= 10 or not rest else [first, rest]
    return "".join(_text(css, x, y + 14 * number, line) for number, line in enumerate(lines))


def _text(css: str, x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def _short(amount: Decimal) -> str:
    """Return thousands with one digit: 58.1; below a thousand the whole amount."""
    return separated(f"{amount / 1000:,.1f}k" if abs(amount) >= 1000 else f"{amount:,.0f}")


def _svg(css: str, box: str, name: str, title: str, description: str, parts: Sequence[str]) -> Markup:
    ident = html.escape(name)
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="{css}" viewBox="{box}" role="img" aria-labelledby="{ident}-t {ident}-d">'
        f'<title id="{ident}-t">{html.escape(title)}</title><desc id="{ident}-d">{html.escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )
