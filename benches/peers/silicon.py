"""Power-ups: puflab beside what people run today, in turns, in one run.

The job of the scripts in use: 10 devices of 8192 cells, 100 readouts each, skews N(0, 1), noise
N(0, 0.15). `benches/peers/run silicon` installs NumPy, builds puflab and calls this.
"""

import math
import statistics
import subprocess
import sys
import time

import numpy as np

DEVICES, READOUTS, CELLS, NOISE = 10, 100, 8192, 0.15
TOTAL = DEVICES * READOUTS * CELLS


def script(rng):
    """Twenty lines of NumPy, as in most papers' repositories."""
    for _ in range(DEVICES):
        skew = rng.normal(0, 1, CELLS)
        noise = rng.normal(0, NOISE, (READOUTS, CELLS))
        yield skew + noise > 0


# Phi at steps of 1/1000, so that NumPy needs no loop in Python to make its thresholds.
STEPS = np.arange(-6, 6, 0.001)
PHI = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in STEPS])


def trick(rng):
    """NumPy's fastest: 16 random bits against a threshold (which no rare flip survives)."""
    for _ in range(DEVICES):
        p = np.interp(rng.normal(0, 1, CELLS) / NOISE, STEPS, PHI)
        threshold = np.minimum(np.round(65536 * p), 65535).astype(np.uint16)
        yield rng.integers(0, 65536, (READOUTS, CELLS), dtype=np.uint16) < threshold


def numpy_seconds(job):
    rng = np.random.default_rng(1)
    started = time.perf_counter()
    for bits in job(rng):
        assert bits.shape == (READOUTS, CELLS)
    return time.perf_counter() - started


def main():
    rounds = int(sys.argv[2])
    with subprocess.Popen(
        [sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:

        def ask(job):
            peer.stdin.write(job + "\n")
            peer.stdin.flush()
            return peer.stdout.readline().strip()

        ours = ["whole portable", "whole best", "drift portable", "drift best"]
        ours += ["power-ups portable", "power-ups best", "cores 1", "cores 2"]
        seconds = {name: [] for name in ["script", "trick", *ours]}
        instructions = ask("instructions")
        for _ in range(rounds):
            seconds["script"].append(numpy_seconds(script))
            seconds["trick"].append(numpy_seconds(trick))
            for name in ours:
                seconds[name].append(float(ask(name)))
        peer.stdin.close()

    def ratio(slow, fast):
        pairs = [a / b for a, b in zip(seconds[slow], seconds[fast])]
        return statistics.median(pairs)

    print(f"{DEVICES} devices x {READOUTS} readouts x {CELLS} cells, noise {NOISE}, one core;")
    print(f"medians of {rounds} rounds in turns; best = {instructions}; NumPy {np.__version__}")
    print()
    print(f"{'':<34}{'cells/s':>12}{'x script':>10}{'x trick':>9}")
    for name in ["script", "trick", *ours[:6]]:
        speed = TOTAL / statistics.median(seconds[name])
        over = f"{ratio('script', name):>10.1f}{ratio('trick', name):>9.1f}"
        label = {"script": "numpy: normal > 0", "trick": "numpy: uint16 < threshold"}
        print(f"{label.get(name, 'puflab: ' + name):<34}{speed:>12.3g}{over}")
    print()
    for kind in ["portable", "best"]:
        cost = ratio("drift " + kind, "whole " + kind)
        print(f"temperature and drift, {kind}: {cost:.2f} times the time of the plain model")
    print(f"two cores: {ratio('cores 1', 'cores 2'):.2f} times one (10,000 readouts a device)")


if __name__ == "__main__":
    main()
