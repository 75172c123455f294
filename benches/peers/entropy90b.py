"""SP 800-90B: puflab beside NIST's own program, in turns, in one run.

A million bits: of a fair coin, of a biased one, of a Markov chain. `benches/peers/run entropy90b` builds
puflab, looks for NIST's program and calls this. Prints CPU time and peak memory of whole processes,
reading the file and printing included, and fails where the figures differ.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BITS = 1_000_000
TITLES = {
    "Most Common Value Estimate": "most_common_value",
    "Collision Test Estimate": "collision",
    "Markov Test Estimate": "markov",
    "Compression Test Estimate": "compression",
    "T-Tuple Test Estimate": "t_tuple",
    "LRS Test Estimate": "lrs",
    "(MultiMCW) Prediction Test Estimate": "multi_mcw",
    "Lag Prediction Test Estimate": "lag",
    "(MultiMMC) Prediction Test Estimate": "multi_mmc",
    "LZ78Y Prediction Test Estimate": "lz78y",
}


def chain(seed, after_zero, after_one):
    """Bits, each one with a probability that depends on the one before."""
    draw, bit = random.Random(seed).random, 0
    for _ in range(BITS):
        bit = int(draw() < (after_one if bit else after_zero))
        yield bit


# A process counts as its own what the one that started it held: the one that starts it must be small.
STARTER = """
import os, sys
child = os.fork()
if child == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
"""


def measured(command):
    """Seconds of CPU, MiB at the peak, and what was printed."""
    starter = [sys.executable, "-I", "-S", "-c", STARTER, *command]
    run = subprocess.run(starter, capture_output=True, text=True, check=True)
    exit, seconds, kib = run.stderr.split()
    assert exit == "0", command
    return float(seconds), int(kib) / 1024, run.stdout


def same(theirs, ours):
    """Every estimate, to the six digits that NIST's program prints."""
    ours = json.loads(ours)["results"]["estimators"]
    compared = 0
    for line in theirs.splitlines():
        found = re.match(r"\s*(.*?)\s*=\s*([0-9.]+) / 1 bit", line)
        names = [name for title, name in TITLES.items() if found and found[1].endswith(title)]
        # "tCompression": a slip in an older version's text.
        for name in names[:1]:
            assert abs(float(found[2]) - ours[name]) < 1e-6, (line, ours[name])
            compared += 1
    assert compared == len(TITLES), f"{compared} estimates compared"


def same_restarts(puflab, nist, packed, unpacked):
    """The restart tests of both on a matrix of 1000 restarts of 1000 bits."""
    run = subprocess.run([nist / "ea_restart", "-v", unpacked, "1", "0.7"], capture_output=True, text=True, check=True)
    theirs = {name: float(value) for name, value in re.findall(r"(\w+): ([0-9.]+)", run.stdout)}
    ours = [puflab, "entropy90b", packed, "--restart", "1000,1000", "--initial", "0.7", "--format", "json"]
    ours = json.loads(measured(ours)[2])["results"]["restart"]
    sanity = ours["sanity"]
    assert abs(theirs["H_r"] - ours["h_row"]) < 1e-6 and abs(theirs["H_c"] - ours["h_column"]) < 1e-6
    assert theirs["X_max"] == max(sanity["most_in_row"], sanity["most_in_column"])
    # Theirs is simulated: it may be off by one.
    assert abs(theirs["X_cutoff"] - sanity["cutoff_in_row"]) <= 1, (theirs, sanity)
    assert ours["passed"]


def main():
    puflab, nist, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(f"SP 800-90B, {BITS:,} bits, median of {rounds} runs in turns    CPU s   peak MiB")
    with tempfile.TemporaryDirectory() as place:
        for name, law in [("coin", (0.5, 0.5)), ("biased 0.6", (0.6, 0.6)), ("Markov", (0.3, 0.8))]:
            bits = list(chain(1, *law))
            unpacked, packed = Path(place) / "bytes", Path(place) / "bits"
            unpacked.write_bytes(bytes(bits))
            groups = (bits[i : i + 8] for i in range(0, BITS, 8))
            packed.write_bytes(bytes(int("".join(map(str, group)), 2) for group in groups))
            theirs = [str(nist / "ea_non_iid"), "-i", "-a", "-v", str(unpacked), "1"]
            ours = [puflab, "entropy90b", str(packed), "--threads", "1", "--format", "json"]
            runs = [(measured(theirs), measured(ours)) for _ in range(rounds)]
            same(runs[0][0][2], runs[0][1][2])
            if name == "coin":
                same_restarts(puflab, nist, str(packed), str(unpacked))
            medians = [
                [statistics.median(run[who][what] for run in runs) for what in (0, 1)] for who in (0, 1)
            ]
            for who, (seconds, peak) in zip(["NIST's program", "puflab"], medians):
                print(f"  {name:<12} {who:<36} {seconds:10.3f} {peak:10.1f}")
            (t, m), (u, n) = medians
            print(f"  {'':<12} {'puflab is':<36} {t / u:8.2f} x faster, {n / m:.2f} of the memory")
    print("the same ten estimates and restart tests in both, to the digits that are printed")


main()
