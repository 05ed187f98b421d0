"""Programs, packages and processes of the system that this runs on.

Whatever is started here is stopped where its `with` ends, however it ends. Not here: anything that
knows which system is measured.
"""

import glob
import os
import shutil
import signal
import subprocess
import sys
import time

from measurement import Failed, Unavailable

STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 60
POLL_S = 0.05
LINES_OF_LOG = 8


def say(text):
    """Tells how it goes; stdout is for the figures."""
    print(text, file=sys.stderr, flush=True)


def find_programs(names, *more_folders):
    """The folder that has all these programs, of PATH and others; of those the last by name."""
    others = sorted((path for pattern in more_folders for path in glob.glob(pattern)), key=version_key)
    for folder in [*reversed(others), *os.get_exec_path()]:
        if all(shutil.which(name, path=folder) for name in names):
            return folder
    return None


def version_key(path):
    """Sorts folders by the numbers in their names, so that 15 comes after 9."""
    return [int(part) for part in path.split("/") if part.isdigit()]


def install(package):
    """Installs a package of the system. Fails with what to do instead."""
    advice = f"install the package {package}, then run this again"
    if shutil.which("apt-get") is None:
        raise Unavailable(f"there is no apt-get; {advice}")
    if os.geteuid() != 0:
        raise Unavailable(f"only root may install packages; {advice}")
    say(f"installing {package} with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", package]
    done = run_apt(command, environment)
    if done.returncode != 0:
        # A machine that never fetched the list of packages knows none.
        run_apt(["apt-get", "update"], environment)
        done = run_apt(command, environment)
    if done.returncode != 0:
        raise Unavailable(f"apt-get install -y {package} failed: {last_lines(done.stdout)}; {advice}")


def run_apt(command, environment):
    """Runs a program that changes the system; never half, also where this is to end meanwhile."""
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate()
        except BaseException:
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, printed)


def provide(names, package, *more_folders):
    """The folder with these programs; installs their package where there is none."""
    folder = find_programs(names, *more_folders)
    if folder is None:
        install(package)
        folder = find_programs(names, *more_folders)
    if folder is None:
        raise Unavailable(f"the package {package} is installed, but {', '.join(names)} can't be found")
    return folder


def last_lines(text):
    """The end of what a program printed, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-LINES_OF_LOG:])


def output_of(command, **options):
    """What a program prints; fails with what it complains about."""
    done = attempt(command, **options)
    if done.returncode != 0:
        complaint = last_lines(done.stderr or done.stdout)
        raise Failed(f"{os.path.basename(command[0])} ended with {done.returncode}: {complaint}")
    return done.stdout


def attempt(command, **options):
    """Runs a program to its end; kills it and what it started where this is to end before."""
    try:
        process = subprocess.Popen(
            command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, **options,
        )
    except OSError as error:
        raise Failed(f"{command[0]} can't be run: {error}") from error
    with process:
        try:
            printed, complaint = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, printed, complaint)


class Server:
    """A server for as long as a `with` lasts. What it prints is in a file.

    It is of a session of its own, so that Ctrl-C on the terminal reaches only this program, which
    then stops it.
    """

    def __init__(self, command, log, stop_signal, abort_signal, **options):
        self.command = command
        self.log = log
        self.stop_signal = stop_signal
        self.abort_signal = abort_signal
        self.options = options
        self.process = None

    def __enter__(self):
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True, **self.options,
                )
            except OSError as error:
                raise Failed(f"{self.command[0]} can't be started: {error}") from error
        return self

    def __exit__(self, kind, error, trace):
        # Where something went wrong nobody needs its data any more.
        self.process.send_signal(self.stop_signal if kind is None else self.abort_signal)
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            say(f"{self.command[0]} didn't stop within {STOPS_WITHIN_S} s, and was killed")

    def wait_until(self, is_ready):
        """Waits until this gives something, and gives that."""
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            ready = is_ready()
            if ready:
                return ready
            if self.process.poll() is not None:
                raise Failed(f"{self.command[0]} ended as it started: {last_lines(self.printed())}")
            time.sleep(POLL_S)
        raise Failed(
            f"{self.command[0]} wasn't ready within {STARTS_WITHIN_S} s: {last_lines(self.printed())}"
        )

    def printed(self):
        """What it has printed so far."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()
