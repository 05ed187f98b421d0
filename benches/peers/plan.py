"""What is measured, and in which order.

Parts that are divided by each other are neighbours, and every second round runs backwards, so that
whatever grows warm or full in a round is on neither's side.
"""

from dataclasses import dataclass
from typing import Callable

import disk
import postgres

SPREAD_SKUS = 100_000
UNITS_OF_EACH = 1_000_000
UNITS_OF_THE_HOT_ONE = 1_000_000_000_000
BAYS = 10_000
CLAIMS_OF_A_BAY = 100


@dataclass(frozen=True)
class Part:
    """One row of figures; `measure` runs it once."""

    key: str
    system: str
    name: str
    measure: Callable
    unit: str = "a second"


def parts(systems, seconds, folder):
    """The parts of the systems that are there, in the order of a round."""
    every = [
        postgres_slots(systems, seconds),
        holdfast("unary", "slots", 64, systems, seconds),
        holdfast("unary", "nights", 64, systems, seconds),
        holdfast("unary", "mixed", 64, systems, seconds),
        holdfast("unary", "spread", 64, systems, seconds),
        postgres_stock("spread", SPREAD_SKUS, UNITS_OF_EACH, systems, seconds),
        holdfast("unary", "hot", 64, systems, seconds),
        postgres_stock("hot", 1, UNITS_OF_THE_HOT_ONE, systems, seconds),
        redis("hot", 1, UNITS_OF_THE_HOT_ONE, 1, systems, seconds),
        redis("spread", SPREAD_SKUS, UNITS_OF_EACH, 1, systems, seconds),
        redis("pipelined_hot", 1, UNITS_OF_THE_HOT_ONE, 64, systems, seconds),
        holdfast("pipelined", "hot", 2_048, systems, seconds),
        holdfast("pipelined", "spread", 2_048, systems, seconds),
        redis("pipelined_spread", SPREAD_SKUS, UNITS_OF_EACH, 64, systems, seconds),
        holdfast("pipelined", "orders", 2_048, systems, seconds),
        holdfast("pipelined", "slots", 2_048, systems, seconds),
        holdfast("pipelined", "nights", 2_048, systems, seconds),
        holdfast("pipelined", "mixed", 2_048, systems, seconds),
        Part("alone", "holdfast", "Holdfast, one client alone, one SKU, p50",
             lambda: systems["holdfast"].latency_ms("hot", seconds), "ms"),
        Part("order_alone", "holdfast", "Holdfast, one order alone until it is completed, p50",
             lambda: systems["holdfast"].latency_ms("orders", seconds), "ms"),
        Part("lone_commit", "lone commit", "a lone commit of Holdfast's log",
             lambda: systems["lone commit"].measure_ms(), "ms"),
        Part("sync", "disk", "write 4 KiB + fdatasync, p50", lambda: disk.sync_ms(folder), "ms"),
    ]
    return [part for part in every if part.system in systems or part.system == "disk"]


def postgres_stock(key, skus, units, systems, seconds):
    return Part(f"postgres_{key}", "postgres", f"PostgreSQL, 32 clients, {skus_text(skus)}",
                lambda: systems["postgres"].measure(postgres.stock(skus, units), seconds))


def postgres_slots(systems, seconds):
    return Part("postgres_slots", "postgres", f"PostgreSQL, 32 clients, slots of {BAYS:,} calendars",
                lambda: systems["postgres"].measure(
                    postgres.slots(BAYS, CLAIMS_OF_A_BAY), seconds))


def redis(key, skus, units, pipeline, systems, seconds):
    pipelines = "no pipelines" if pipeline == 1 else f"pipelines of {pipeline}"
    return Part(f"redis_{key}", "redis", f"Redis, 64 clients, {pipelines}, {skus_text(skus)}",
                lambda: systems["redis"].measure(skus, units, pipeline, seconds))


def holdfast(mode, scenario, in_flight, systems, seconds):
    return Part(f"{mode}_{scenario}", "holdfast", f"Holdfast, {mode} {scenario}, 4 × {in_flight:,}",
                lambda: systems["holdfast"].rate(scenario, mode, in_flight, seconds))


def skus_text(skus):
    return "one SKU" if skus == 1 else f"{skus:,} SKUs"
