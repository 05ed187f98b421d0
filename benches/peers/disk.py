"""What the disk alone gives: the units that the latency of one client is held against."""

import json
import os
import statistics
import time

import holdfast
from measurement import Failed, Measurement, Unavailable

BLOCK_BYTES = 4_096
SYNCS_FOR_S = 2
NANOSECONDS_IN_MS = 1_000_000
BENCH = ["bench", "--locked", "--bench", "journal"]
LONE = "journal/sled_commit_and_sync_of/1_events"


def sync_ms(folder):
    """The median time of `write 4 KiB at the end of a file + fdatasync`."""
    path = folder / "sync"
    times_ms = []
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    try:
        until = time.monotonic() + SYNCS_FOR_S
        while time.monotonic() < until:
            begun = time.perf_counter_ns()
            os.write(file, bytes(BLOCK_BYTES))
            os.fdatasync(file)
            times_ms.append((time.perf_counter_ns() - begun) / NANOSECONDS_IN_MS)
    finally:
        os.close(file)
        path.unlink()
    return Measurement(value=statistics.median(times_ms), seconds=SYNCS_FOR_S)


class LoneCommit:
    """A commit of one event of Holdfast's own log, without server or network.

    The bench `journal` knows; its log lies in the build's folder, so that has to be on the disk that
    the servers write to.
    """

    def __init__(self, folder):
        self.results = folder / "criterion"
        holdfast.cargo(*BENCH, "--no-run")
        target = holdfast.target_folder()
        if target.stat().st_dev != folder.stat().st_dev:
            raise Unavailable(
                f"{target}, where its log lies, isn't on the disk of {folder}; name one with --dir"
            )

    def measure_ms(self):
        """The median time of such a commit."""
        holdfast.cargo(*BENCH, "--", LONE, CRITERION_HOME=str(self.results))
        estimates = self.results / LONE / "new" / "estimates.json"
        try:
            median = json.loads(estimates.read_text(encoding="utf-8"))["median"]
        except (OSError, ValueError, KeyError) as error:
            raise Failed(f"the bench left no result in {estimates}: {error}") from error
        return Measurement(value=median["point_estimate"] / NANOSECONDS_IN_MS)
