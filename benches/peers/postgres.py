"""PostgreSQL: a cluster of its own, loaded by pgbench.

The cluster lies in the temporary folder and is reached by a socket there, so whatever PostgreSQL
the system has besides is left alone. Tables are made anew for each run.
"""

import os
import pwd
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import system
from measurement import Failed, Measurement, Unavailable, require_stored

HERE = Path(__file__).resolve().parent
PROGRAMS = ["initdb", "postgres", "psql", "pgbench", "pg_isready"]
DEBIAN_FOLDERS = "/usr/lib/postgresql/*/bin"
# PostgreSQL refuses to run as root.
ACCOUNT = "postgres"
CLIENTS = 32


@dataclass(frozen=True)
class Work:
    """What is sent: three files that begin with its name, and the variables that they know."""

    name: str
    variables: dict

    def file(self, what=None):
        return str(HERE / ("_".join(filter(None, ["postgres", self.name, what])) + ".sql"))


def stock(skus, units):
    """Reservations of one unit over so many SKUs, of which each has so many units."""
    return Work("stock", {"skus": skus, "units": units})


def slots(calendars, days):
    """Reservations of one slot over so many calendars, each claimed on so many days before."""
    return Work("slots", {"calendars": calendars, "days": days, "clients": CLIENTS, "mine": 0})


class Postgres:
    """A cluster that can be measured again and again."""

    def __init__(self, folder):
        self.programs = system.provide(PROGRAMS, "postgresql", DEBIAN_FOLDERS)
        self.folder = folder / "postgres"
        self.data = self.folder / "data"
        self.as_account = self.account()
        self.folder.mkdir()
        if self.as_account:
            shutil.chown(self.folder, ACCOUNT)
        self.make_cluster()

    def account(self):
        """Whom the server's processes run as; empty for whoever runs this."""
        if os.geteuid() != 0:
            return {}
        try:
            entry = pwd.getpwnam(ACCOUNT)
        except KeyError:
            raise Unavailable(
                f"it doesn't run as root, and there is no user {ACCOUNT}; run this as another user"
            ) from None
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def make_cluster(self):
        command = self.program("initdb", "--pgdata", str(self.data), "--username", ACCOUNT,
                               "--auth", "trust", "--encoding", "UTF8", "--no-locale")
        try:
            system.output_of(command, cwd=self.folder, **self.as_account)
        except Failed as failure:
            raise Unavailable(str(failure)) from failure
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as settings:
            settings.write((HERE / "postgres.conf").read_text(encoding="utf-8"))

    def program(self, name, *arguments):
        return [os.path.join(self.programs, name), *arguments]

    def client(self, name, *arguments):
        """A program that talks to this cluster."""
        address = ["--host", str(self.folder), "--username", ACCOUNT]
        return self.program(name, *address, *arguments)

    def version(self):
        """As it names itself."""
        return system.output_of(self.program("postgres", "--version")).strip()

    def measure(self, work, seconds):
        """Reservations a second."""
        command = self.program("postgres", "-D", str(self.data), "-k", str(self.folder))
        with system.Server(
            command, self.folder.parent / "postgres.log", signal.SIGINT, signal.SIGQUIT,
            cwd=self.folder, **self.as_account,
        ) as server:
            server.wait_until(self.answers)
            settings = [f"--set={name}={value}" for name, value in work.variables.items()]
            self.psql("--quiet", *settings, "-f", work.file())
            os.sync()
            measurement = self.load(work, seconds)
            require_stored(self.stored(work), measurement.reported)
            measurement.stored = measurement.reported
            return measurement

    def answers(self):
        return system.attempt(self.client("pg_isready", "--quiet")).returncode == 0

    def psql(self, *arguments):
        return system.output_of(self.client("psql", "--no-psqlrc", "-d", "postgres", *arguments))

    def load(self, work, seconds):
        """Sends reservations; the clients' connecting isn't counted."""
        threads = min(CLIENTS, os.cpu_count() or 1)
        defined = [f"--define={name}={value}" for name, value in work.variables.items()]
        done = system.attempt(self.client(
            "pgbench", "--no-vacuum", "--protocol", "prepared",
            "--file", work.file("call"), *defined, "--client", str(CLIENTS), "--jobs", str(threads), "--time", str(seconds), "postgres",
        ))
        if done.returncode != 0:
            raise Failed(f"pgbench ended with {done.returncode}: {system.last_lines(done.stderr)}")
        return read_pgbench(done.stdout)

    def stored(self, work):
        line = self.psql("--tuples-only", "--no-align", "-F", " ", "-f", work.file("count"))
        reservations, held, events = map(int, line.split())
        return {"reservations": reservations, "units held": held, "events": events}


def read_pgbench(text):
    """The measurement in what pgbench prints."""
    processed = re.search(r"^number of transactions actually processed: (\d+)", text, re.M)
    rate = re.search(r"^tps = ([\d.]+) \((?:without initial|excluding) connection", text, re.M)
    if not processed or not rate:
        raise Failed(f"pgbench printed what can't be read: {system.last_lines(text)}")
    # Versions before 15 don't count failures: there, a client that fails ends the whole run.
    failed = re.search(r"^number of failed transactions: (\d+)", text, re.M)
    measurement = Measurement(value=float(rate[1]), reported=int(processed[1]))
    measurement.seconds = measurement.reported / measurement.value if measurement.value else None
    if failed and int(failed[1]):
        measurement.problems.append(f"transactions failed: {int(failed[1]):,}")
    return measurement
