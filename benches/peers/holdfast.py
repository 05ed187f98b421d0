"""Holdfast: a server on an empty data folder for each run, loaded by `holdfast bench`."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import system
from measurement import Failed, Measurement, Unavailable

REPOSITORY = Path(__file__).resolve().parents[2]
MICROSECONDS_IN_MS = 1_000
CONNECTIONS = 4


class Holdfast:
    """A build that can be measured again and again."""

    def __init__(self, folder):
        self.binary = find_or_build()
        self.data = folder / "holdfast"
        self.log = folder / "holdfast.log"
        # Nobody's settings but the defaults.
        self.environment = {
            name: value for name, value in os.environ.items() if not is_setting(name)
        }

    def version(self):
        """As it names itself."""
        return system.output_of([self.binary, "--version"]).strip()

    def rate(self, scenario, mode, in_flight, seconds):
        """Commands completed a second, with so many in flight on each connection."""
        measurement, _ = self.measure(scenario, mode, CONNECTIONS, in_flight, seconds)
        return measurement

    def latency_ms(self, scenario, seconds):
        """The median latency of one client alone."""
        measurement, report = self.measure(scenario, "unary", 1, 1, seconds)
        measurement.value = report["p50_us"] / MICROSECONDS_IN_MS
        return measurement

    def measure(self, scenario, mode, connections, in_flight, seconds):
        """A run's rate, and the whole report."""
        command = [self.binary, "serve", "--data-dir", str(self.data),
                   "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"]
        try:
            with system.Server(
                command, self.log, signal.SIGTERM, signal.SIGKILL,
                cwd=self.log.parent, env=self.environment,
            ) as server:
                ready = server.wait_until(
                    lambda: re.search(r"^ready grpc=(\S+) ", server.printed(), re.M)
                )
                address = f"http://{ready[1]}"
                os.sync()
                report = self.load(address, scenario, mode, connections, in_flight, seconds)
                return judge(report, self.stored(address, scenario)), report
        finally:
            shutil.rmtree(self.data, ignore_errors=True)

    def load(self, address, scenario, mode, connections, in_flight, seconds):
        done = system.attempt([
            self.binary, "bench", "--addr", address, "--scenario", scenario, "--mode", mode,
            "--connections", str(connections), "--in-flight", str(in_flight),
            "--duration", f"{seconds}s", "-o", "json",
        ], env=self.environment)
        complaint = system.last_lines(done.stderr)
        if done.returncode != 0:
            raise Failed(f"holdfast bench ended with {done.returncode}: {complaint}")
        return {**read_json(done.stdout), "complaint": complaint}

    def stored(self, address, scenario):
        """How many reservations or whole orders the server has."""
        statistics = read_json(system.output_of(
            [self.binary, "admin", "stats", "--addr", address, "-o", "json"], env=self.environment
        ))
        if scenario == "orders":
            # An order and its reservation go to the archive apart, so one may be there already.
            finished = count(statistics, "sales_order", "COMPLETED")
            finished += count(statistics, "reservation", "COMMITTED")
            return halved(finished + statistics["archived_entities"])
        return count(statistics, "reservation", "HELD")


def count(statistics, kind, state):
    """Entities of a kind in a state, with an actor or without."""
    return sum(
        entities["active"] + entities["passive"] for entities in statistics["entities"]
        if (entities["kind"], entities["state"]) == (kind, state)
    )


def halved(number):
    """Half of a number, whole where it is."""
    return number / 2 if number % 2 else number // 2


def read_json(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed(f"holdfast printed what can't be read: {system.last_lines(text)}") from error


def judge(report, stored):
    """The measurement in a report; fails where what is stored can't be what was answered.

    A call that failed may have been executed all the same.
    """
    completed, errors, rejected = report["completed"], report["errors"], report["rejected"]
    if not completed <= stored <= completed + errors:
        raise Failed(f"it stored {stored:,}, where {completed:,} were completed, {errors:,} failed")
    problems = []
    if errors:
        problems.append(report["complaint"])
    if rejected:
        problems.append(f"calls refused: {rejected:,}")
    return Measurement(
        value=report["per_second"], seconds=report["seconds"], reported=completed, stored=stored,
        problems=problems,
    )


def is_setting(name):
    """Whether a variable is configuration: HOLDFAST_SECTION__KEY."""
    return name.startswith("HOLDFAST_") and "__" in name


def find_or_build():
    """The binary that HOLDFAST_BIN names, else a release build."""
    named = os.environ.get("HOLDFAST_BIN")
    if named:
        if not os.access(named, os.X_OK) or os.path.isdir(named):
            raise Unavailable(f"HOLDFAST_BIN is {named}, which is no program; name a built holdfast")
        return os.path.abspath(named)
    cargo("build", "--release", "--locked")
    return str(target_folder() / "release" / "holdfast")


def target_folder():
    """Where cargo builds."""
    return REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target")


def cargo(*arguments, **variables):
    """Runs cargo in the repository. Fails with what to do instead."""
    if shutil.which("cargo") is None:
        raise Unavailable("there is no cargo: install Rust from https://rustup.rs")
    system.say(f"cargo {' '.join(arguments)}")
    try:
        system.output_of(["cargo", *arguments], cwd=REPOSITORY, env={**os.environ, **variables})
    except Failed as failure:
        raise Unavailable(str(failure)) from failure
