"""Small pictures of what a model says, as SVG text: the same figures give the same bytes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 760
_HEIGHT: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 64, 52
_COLOURS = ("#2b6cb0", "#dd6b20", "#2f855a", "#b83280", "#6b46c1", "#718096", "#d69e2e", "#c53030")
_INK, _GRID, _GROUND = "#4a5568", "#cbd5e0", "#ffffff"
DARK: Mapping[str, str] = {
    **dict(
        zip(
            _COLOURS,
            ("#63b3ed", "#f6ad55", "#68d391", "#f687b3", "#b794f4", "#a0aec0", "#faf089", "#fc8181"),
            strict=True,
        )
    ),
    _INK: "#cbd5e0",
    _GRID: "#3b4252",
    _GROUND: "#1e2129",
}
"""What each colour becomes where the page is dark."""
_TICKS = 6
_WHOLE = 100
"""From here on, a total is written without decimals."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What an axis counts, and from where to where; without an end, to the largest value."""

    label: str
    low: float = 0.0
    high: float | None = None


def in_the_dark(colours: Mapping[str, str], *, unnamed_text: str = "") -> str:
    """Return the style by which a picture changes its colours where the page is dark.

    Browsers tell an SVG file which scheme is in force around it. A viewer that does not, shows it light, on a ground of
    its own: it can be read either way.

    Parameters
    ----------
    colours
        What each colour becomes, as a filling and as a line.
    unnamed_text
        The colour of text that names none.
    """
    rules = [f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}' for light, dark in colours.items()]
    rules += [f"text:not([fill]){{fill:{unnamed_text}}}"] if unnamed_text else []
    return f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"


Points = Sequence[tuple[float, float]]


def lines(series: Mapping[str, Points], *, title: str, x: Axis, y: Axis) -> str:
    """Return a chart with a line a series."""
    every = [point for points in series.values() for point in points]
    frame = _Frame(x=_ended(x, (px for px, _ in every)), y=_ended(y, (py for _, py in every)))
    drawn = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="'
        + " ".join(f"{frame.across(px):.1f},{frame.up(py):.1f}" for px, py in points)
        + '"/>'
        for colour, points in zip(_colours(series), series.values(), strict=True)
    ]
    return _svg(title, frame.grid(ticks=True) + drawn + _legend(list(series)))


def bars(columns: Mapping[str, Mapping[str, float]], *, title: str, y: Axis) -> str:
    """Return a chart with a stacked bar a column; `columns` maps each one's label to its parts, from below.

    Parts of the same name have the same colour. A column without a part has none of it.
    """
    parts = list(dict.fromkeys(part for column in columns.values() for part in column))
    colour = dict(zip(parts, _colours(parts), strict=True))
    totals = [sum(column.values()) for column in columns.values()]
    frame = _Frame(x=Axis(label="", high=float(len(columns))), y=_ended(y, totals))
    drawn = []
    for place, (name, column) in enumerate(columns.items()):
        left, right = frame.across(place + 0.2), frame.across(place + 0.8)
        base = 0.0
        for part, value in column.items():
            top = frame.up(base + value)
            drawn.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
                f'height="{frame.up(base) - top:.1f}" fill="{colour[part]}"/>'
            )
            base += value
        middle = (left + right) / 2
        drawn += [
            _text(middle, frame.up(base) - 6, f"{base:,.0f}" if base >= _WHOLE else f"{base:.3g}", anchor="middle"),
            _text(middle, _HEIGHT - _BOTTOM + 20, name, anchor="middle"),
        ]
    return _svg(title, frame.grid(ticks=False) + drawn + _legend(parts))


def _colours(names: Sequence[str] | Mapping[str, object]) -> list[str]:
    if len(names) > len(_COLOURS):
        raise ValueError(f"a picture has at most {len(_COLOURS)} series, not {len(names)}: leave some out")
    return list(_COLOURS[: len(names)])


def _ended(axis: Axis, values: Iterable[float]) -> Axis:
    if axis.high is not None:
        return axis
    largest = max(values, default=1.0)
    return Axis(label=axis.label, low=axis.low, high=largest * 1.08)


@dataclass(frozen=True, kw_only=True)
class _Frame:
    x: Axis
    y: Axis

    def across(self, value: float) -> float:
        return _LEFT + self._share(self.x, value) * (_WIDTH - _LEFT - _RIGHT)

    def up(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - self._share(self.y, value) * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self, *, ticks: bool) -> list[str]:
        drawn = []
        for value in _ticks(self.y):
            level = self.up(value)
            drawn.append(
                f'<line x1="{_LEFT}" y1="{level:.1f}" x2="{_WIDTH - _RIGHT}" y2="{level:.1f}" stroke="{_GRID}"/>'
            )
            drawn.append(_text(_LEFT - 8, level + 4, f"{value:,.4g}", anchor="end"))
        if ticks:
            drawn += [
                _text(self.across(value), _HEIGHT - _BOTTOM + 20, f"{value:,.4g}", anchor="middle")
                for value in _ticks(self.x)
            ]
        middle = (_TOP + _HEIGHT - _BOTTOM) / 2
        drawn.append(
            f'<g transform="translate(18 {middle:.0f}) rotate(-90)">{_text(0, 0, self.y.label, anchor="middle")}</g>'
        )
        if self.x.label:
            drawn.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, self.x.label, anchor="middle"))
        return drawn

    @staticmethod
    def _share(axis: Axis, value: float) -> float:
        high = axis.high if axis.high is not None else 1.0
        return min(max((value - axis.low) / (high - axis.low), 0.0), 1.0)


def _ticks(axis: Axis) -> list[float]:
    high = axis.high if axis.high is not None else 1.0
    rough = (high - axis.low) / _TICKS
    magnitude = 10.0 ** floor(log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough)
    return [step * number for number in range(ceil(axis.low / step), floor(high / step) + 1)]


def _legend(names: Sequence[str]) -> list[str]:
    drawn, left = [], float(_LEFT)
    for colour, name in zip(_colours(names), names, strict=True):
        drawn.append(f'<rect x="{left:.0f}" y="38" width="12" height="12" rx="2" fill="{colour}"/>')
        drawn.append(_text(left + 17, 48, name))
        left += 34 + 6.7 * len(name)
    return drawn


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, drawn: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">'
    )
    heading = f'<text x="{_LEFT}" y="22" font-size="15" font-weight="600">{escape(title)}</text>'
    ground = f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{_GROUND}"/>'
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", in_the_dark(DARK), ground, heading, *drawn, "</svg>", ""]
    )
