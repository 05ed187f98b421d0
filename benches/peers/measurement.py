"""What one run of one system gives, and how it can go wrong."""

from dataclasses import dataclass, field


class Unavailable(Exception):
    """A system can't be set up here."""


class Failed(Exception):
    """A run gave no figure."""


@dataclass
class Measurement:
    """One run. `value` is in the unit of its part; what isn't counted has no numbers."""

    value: float
    seconds: float | None = None
    reported: int | None = None
    stored: int | None = None
    problems: list = field(default_factory=list)


def require_stored(stored, reported):
    """Fails unless each of the counts that a system gives for what it stored is what it reported.

    `stored` is of reservations, of units held, and of events, each by its name.
    """
    expected = {"reservations": reported, "units held": reported, "events": 2 * reported}
    if stored != expected:
        raise Failed(f"it stored {counts(stored)}, where its answers come to {counts(expected)}")


def counts(numbers):
    """Counts by name as words."""
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items())
