"""The figures as tables, for the terminal and for README.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Load
from benchmarks.throughput import Rounds


@dataclass(frozen=True, slots=True)
class Goal:
    """What a median must not pass; `is_floor` if it must not be less."""

    limit: float
    is_floor: bool

    def is_reached(self, value: float) -> bool:
        """Whether a value reaches it."""
        return value >= self.limit if self.is_floor else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with all its rounds; `digits` after the point."""

    name: str
    unit: str
    digits: int
    values: tuple[float, ...]
    goal: Goal | None = None

    def row(self) -> tuple[str, ...]:
        """Figure, median, spread, goal, reached."""
        name = f"{self.name} [{self.unit}]" if self.unit else self.name
        middle = median(self.values)
        spread = f"{self._text(min(self.values))} to {self._text(max(self.values))}"
        if self.goal is None:
            return name, self._text(middle), spread, "", ""
        sign = "≥" if self.goal.is_floor else "≤"
        reached = "yes" if self.goal.is_reached(middle) else "NO"
        return name, self._text(middle), spread, f"{sign} {self.goal.limit:g}", reached

    def _text(self, value: float) -> str:
        return f"{value:.{self.digits}f}"


FIGURE_HEAD = ("figure", "median", "min to max", "goal", "reached")
LOAD_HEAD = (
    "under load",
    "answers/s",
    "min to max",
    "server CPU per answer [µs]",
    "server CPU against bare",
    "server's share of its core",
    "generator's of its own",
)


def figure_table(figures: Sequence[Figure]) -> str:
    """All figures in a Markdown table."""
    return _table(FIGURE_HEAD, [figure.row() for figure in figures])


def load_table(rounds: Rounds) -> str:
    """What stands behind the ratios, in a Markdown table."""
    bare = next(iter(rounds.values()))
    return _table(LOAD_HEAD, [_load_row(name, loads, bare) for name, loads in rounds.items()])


def _load_row(name: str, loads: Sequence[Load], bare: Sequence[Load]) -> tuple[str, ...]:
    rates = [load.rate for load in loads]
    pairs = zip(bare, loads, strict=True)
    return (
        name,
        f"{median(rates):.0f}",
        f"{min(rates):.0f} to {max(rates):.0f}",
        f"{median(load.server_cost_us for load in loads):.0f}",
        f"{median(ref.server_cost_us / load.server_cost_us for ref, load in pairs):.2f}",
        f"{median(load.server_cpu_s / load.seconds for load in loads):.0%}",
        f"{median(load.generator_cpu_s / load.seconds for load in loads):.0%}",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(_lines(head, rows, widths))


def _lines(
    head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> Iterator[str]:
    for cells in (head, ["-" * width for width in widths], *rows):
        yield "| " + " | ".join(map(str.ljust, cells, widths)) + " |"
