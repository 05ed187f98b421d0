"""From runs to one table: medians with their range, ratios, and the floors they are held against.

A ratio is the median of the ratios within each round, so that what slows a whole round down slows
both of its sides.
"""

import statistics
from dataclasses import dataclass
from typing import Callable

HEAD = ("what", "median", "lowest to highest", "floor", "met")
NOT_MEASURED = "not measured"
# What one client alone may take beside its two commits.
ALLOWANCE_MS = 0.2


@dataclass(frozen=True)
class Floor:
    """A ratio of two parts, and what it has to be at least, or at most, where that is told."""

    name: str
    above: str
    below: str
    bound: float | None
    at_most: bool = False
    # What the lower side is made of its part's value.
    of_below: Callable = float

    def ratio(self, run):
        """The ratio within one round; none where a side is missing."""
        if self.above not in run or self.below not in run:
            return None
        below = self.of_below(run[self.below].value)
        return run[self.above].value / below if below else None

    def is_met(self, ratio):
        """None where no bound is told."""
        if self.bound is None:
            return None
        return ratio <= self.bound if self.at_most else ratio >= self.bound

    def text(self):
        if self.bound is None:
            return ""
        return f"at {'most' if self.at_most else 'least'} {self.bound:g}"


FLOORS = [
    Floor("unary spread 4 × 64 ÷ PostgreSQL, 100,000 SKUs", "unary_spread", "postgres_spread", 2.5),
    Floor("unary hot 4 × 64 ÷ PostgreSQL, one SKU", "unary_hot", "postgres_hot", 15),
    Floor("pipelined hot 4 × 2,048 ÷ Redis, pipelines of 64, one SKU",
          "pipelined_hot", "redis_pipelined_hot", 1),
    Floor("pipelined spread 4 × 2,048 ÷ Redis, pipelines of 64, 100,000 SKUs",
          "pipelined_spread", "redis_pipelined_spread", 1),
    Floor("hot ÷ spread, unary", "unary_hot", "unary_spread", 0.9),
    Floor("hot ÷ spread, pipelined", "pipelined_hot", "pipelined_spread", 0.9),
    Floor("whole orders ÷ spread, pipelined", "pipelined_orders", "pipelined_spread", 0.2),
    Floor("unary slots 4 × 64 ÷ PostgreSQL, exclusion constraint",
          "unary_slots", "postgres_slots", 5),
    Floor("slots ÷ spread, unary", "unary_slots", "unary_spread", None),
    Floor("slots ÷ spread, pipelined", "pipelined_slots", "pipelined_spread", 0.7),
    Floor("nights ÷ spread, unary", "unary_nights", "unary_spread", None),
    Floor("nights ÷ spread, pipelined", "pipelined_nights", "pipelined_spread", 0.7),
    Floor("mixed ÷ spread, unary", "unary_mixed", "unary_spread", None),
    Floor("mixed ÷ spread, pipelined", "pipelined_mixed", "pipelined_spread", 0.35),
    Floor("one client alone, p50 ÷ (two lone commits + 0.2 ms)", "alone", "lone_commit", 1,
          at_most=True, of_below=lambda commit_ms: 2 * commit_ms + ALLOWANCE_MS),
    Floor("one order alone, p50 ÷ lone commit", "order_alone", "lone_commit", 4, at_most=True),
]


@dataclass(frozen=True)
class Range:
    """Figures of several rounds in short."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values):
        """None where there are no figures."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


def part_range(part, rounds):
    """A part's figures over the rounds that have one."""
    return Range.of([run[part.key].value for run in rounds if part.key in run])


def ratios(floor, rounds):
    """A floor's ratio in each round that has both sides."""
    return [ratio for ratio in map(floor.ratio, rounds) if ratio is not None]


def floors(parts):
    """The floors that have both sides among these parts."""
    keys = {part.key for part in parts}
    return [floor for floor in FLOORS if {floor.above, floor.below} <= keys]


def markdown(parts, rounds):
    """The one table."""
    rows = [part_row(part, part_range(part, rounds)) for part in parts]
    rows += [floor_row(floor, Range.of(ratios(floor, rounds))) for floor in floors(parts)]
    return aligned([HEAD, *rows])


def part_row(part, found):
    if found is None:
        return (part.name, NOT_MEASURED, "", "", "")
    return (part.name, f"{number(found.median)} {part.unit}", span(found), "", "")


def floor_row(floor, found):
    if found is None:
        return (floor.name, NOT_MEASURED, "", floor.text(), "")
    met = {True: "yes", False: "NO", None: ""}[floor.is_met(found.median)]
    return (floor.name, number(found.median), span(found), floor.text(), met)


def span(found):
    return f"{number(found.lowest)} to {number(found.highest)}"


def number(value):
    """Whole above 100, else three digits or so: a run isn't more exact than that."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def aligned(rows):
    """Rows as a table in Markdown that also reads well as it is."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    rule = ["-" * width for width in widths]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in lines
    )


def record(parts, rounds):
    """The raw figures, for machines."""
    return {
        "parts": [part_record(part, rounds) for part in parts],
        "ratios": [floor_record(floor, rounds) for floor in floors(parts)],
    }


def part_record(part, rounds):
    runs = [{"round": number, **vars(run[part.key])}
            for number, run in enumerate(rounds, 1) if part.key in run]
    found = part_range(part, rounds)
    return {"key": part.key, "name": part.name, "unit": part.unit,
            **(vars(found) if found else {}), "runs": runs}


def floor_record(floor, rounds):
    values = ratios(floor, rounds)
    found = Range.of(values)
    return {"name": floor.name, "bound": floor.bound,
            "bound_is": "at most" if floor.at_most else "at least",
            **(vars(found) if found else {}),
            "met": floor.is_met(found.median) if found else None, "by_round": values}
