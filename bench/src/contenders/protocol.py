"""The Python half of the bench's line protocol: one JSON request a line on stdin, one JSON answer a line on stdout.

Whatever a framework prints goes to stderr, so that it cannot be mistaken for an answer. Between requests a contender
blocks in a read: it uses no processor time while the others are measured.
"""

import json
import os
import sys
import time

STARTED = time.perf_counter()

import work  # noqa: E402  (its import of NumPy belongs to the start-up)

_answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def threads():
    """The number of threads this process may compute with (FOVEA_BENCH_THREADS, set by the driver)."""
    return int(os.environ.get("FOVEA_BENCH_THREADS", "1"))


def variant():
    """Which variant of the contender to run: the first command line argument."""
    return sys.argv[1]


def peak_bytes():
    """The largest resident set this process has had (VmHWM), in bytes; None where /proc does not say."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def answer(message):
    """Sends one answer to the driver."""
    _answers.write(json.dumps(message) + "\n")
    _answers.flush()


def serve(step, details):
    """Answers requests until stdin closes.

    `step(i)` performs step number i, on batch i modulo the number of batches, and returns the loss, or the first logit
    of an inference, as a float: it must not return before the work is finished. `details` is sent with the first answer.
    """
    first_loss = step(0)
    answer({"ready": True, "startupMs": (time.perf_counter() - STARTED) * 1e3, "loss": first_loss, **details})
    done = 1
    for line in sys.stdin:
        request = json.loads(line)
        if request["cmd"] == "run":
            times = []
            loss = None
            for _ in range(request["steps"]):
                begin = time.perf_counter()
                loss = step(done)
                times.append((time.perf_counter() - begin) * 1e3)
                done += 1
            answer({"ms": times, "loss": loss})
        elif request["cmd"] == "memory":
            answer({"peakBytes": peak_bytes()})
        elif request["cmd"] == "checksum":
            answer({"checksum": work.checksum()})
        elif request["cmd"] == "quit":
            answer({"bye": True})
            return
        else:
            answer({"error": f"unknown request {request['cmd']!r}"})
