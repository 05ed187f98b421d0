"""Redis: a server of its own, loaded by redis-benchmark.

Each run has a new server on an empty folder and a free port, so whatever Redis the system has
besides is left alone.
"""

import csv
import math
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import system
from measurement import Failed, Measurement, require_stored

HERE = Path(__file__).resolve().parent
PROGRAMS = ["redis-server", "redis-cli", "redis-benchmark"]
CLIENTS = 64
# How often each client asks to tell how many requests fill a run: redis-benchmark counts requests
# and knows no time.
TRIAL_TURNS = 50
HOLD_S = 15 * 60


class Redis:
    """A server that can be measured again and again."""

    def __init__(self, folder):
        self.programs = system.provide(PROGRAMS, "redis-server")
        self.folder = folder / "redis"
        self.port = None

    def program(self, name, *arguments):
        return [os.path.join(self.programs, name), *arguments]

    def version(self):
        """As it names itself."""
        return system.output_of(self.program("redis-server", "--version")).strip()

    def measure(self, skus, units, pipeline, seconds):
        """Reservations a second over so many SKUs, in pipelines of so many."""
        self.folder.mkdir()
        try:
            self.port = free_port()
            command = self.program("redis-server", str(HERE / "redis.conf"),
                                   "--port", str(self.port), "--dir", str(self.folder))
            with system.Server(
                command, self.folder.parent / "redis.log", signal.SIGTERM, signal.SIGKILL
            ) as server:
                server.wait_until(self.answers)
                return self.fill_and_load(skus, units, pipeline, seconds)
        finally:
            shutil.rmtree(self.folder)

    def answers(self):
        return system.attempt(self.client("PING")).stdout.strip() == "PONG"

    def client(self, *arguments):
        return self.program("redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *arguments)

    def ask(self, *arguments):
        """The lines of an answer; fails where that is an error."""
        return system.output_of(self.client("-e", *arguments)).split()

    def fill_and_load(self, skus, units, pipeline, seconds):
        self.ask("EVAL", lua("fill"), "0", str(skus), str(units))
        script, = self.ask("SCRIPT", "LOAD", lua("reserve"))
        trial = self.load(script, skus, pipeline, TRIAL_TURNS)
        turns = math.ceil(trial.value * seconds / (CLIENTS * pipeline))
        os.sync()
        measurement = self.load(script, skus, pipeline, turns)
        require_stored(self.stored(skus), trial.reported + measurement.reported)
        measurement.stored = measurement.reported
        return measurement

    def load(self, script, skus, pipeline, turns):
        """Sends so many pipelines from each client."""
        requests = turns * CLIENTS * pipeline
        deadline_ms = int((time.time() + HOLD_S) * 1_000)
        printed = system.output_of(self.program(
            "redis-benchmark", "-h", "127.0.0.1", "-p", str(self.port), "--csv",
            "-c", str(CLIENTS), "-P", str(pipeline), "-n", str(requests), "-r", str(skus),
            "EVALSHA", script, "1", "balance:__rand_int__", "1", str(deadline_ms),
        ))
        return read_benchmark(printed, requests)

    def stored(self, skus):
        reservations, held, events = map(int, self.ask("EVAL", lua("count"), "0", str(skus)))
        return {"reservations": reservations, "units held": held, "events": events}


def read_benchmark(printed, requests):
    """The measurement in what redis-benchmark prints: a table of one row.

    From version 7 it ends at the first error; before that it counts an error like any other answer,
    which shows in what is stored.
    """
    rows = list(csv.DictReader(line for line in printed.splitlines() if line.startswith('"')))
    if len(rows) != 1 or "rps" not in rows[0]:
        raise Failed(f"redis-benchmark printed what can't be read: {system.last_lines(printed)}")
    rate = float(rows[0]["rps"])
    seconds = requests / rate if rate else None
    return Measurement(value=rate, seconds=seconds, reported=requests)


def lua(name):
    return (HERE / f"redis_{name}.lua").read_text(encoding="utf-8")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
