"""All metrics of a population: puflab beside NumPy, in turns, in one run.

The job: 100 devices x 100 readouts x 8192 cells in one .npy file of packed cells; ones fractions,
distances to the first readout, to the majority and between readouts, cells that never flip, noise
min-entropy, Hori's five, reliabilities, distances between devices with bit-aliasing, bias by address
bit, autocorrelation at the lags that puflab looks at. `benches/peers/run metrics` installs NumPy,
builds puflab and calls this. The script is what a good user of NumPy writes: no loop over cells or
readouts, bits counted packed wherever that is faster (np.bitwise_count), device by device so that
arrays stay in the cache.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np

DEVICES, READOUTS, CELLS = 100, 100, 8192


def count(words):
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)


def metrics(file):
    packed = np.load(file)
    devices, readouts, _ = packed.shape
    out, majorities = [], []
    index = np.arange(CELLS)
    lags = np.array([*range(1, 65), *(1 << b for b in range(7, 13) if 2 << b <= CELLS)])
    classes = [np.packbits((index >> bit) & 1).view(np.uint64) for bit in range(13)]
    for device in packed:
        words = device.view(np.uint64)
        bits = np.unpackbits(device, axis=1)
        ones = bits.sum(axis=0, dtype=np.int64)
        p = ones / readouts
        majority_bits = p > 0.5
        majority = np.packbits(majority_bits).view(np.uint64)
        most = np.maximum(p, 1 - p)
        histogram = np.bincount(ones, minlength=readouts + 1)
        to_first = count(words[1:] ^ words[0]) / CELLS
        to_majority = count(words ^ majority) / CELLS
        weights = count(words) / CELLS
        b = p.mean()
        centred = majority_bits - majority_bits.mean()
        spectrum = np.fft.rfft(centred, 2 * CELLS)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2)[lags] / centred.var() / (CELLS - lags)
        by_class = [count(majority & mask) / (CELLS / 2) for mask in classes]
        ids = np.unpackbits(majority.view(np.uint8)).reshape(-1, 128).sum(axis=0, dtype=np.int64)
        k = CELLS // 128
        out.append((
            b, weights.min(), weights.max(), to_first.mean(), to_first.max(), to_majority.mean(),
            to_majority.max(), (2 * p * (1 - p)).mean() * readouts / (readouts - 1),
            (histogram[0] + histogram[-1]) / CELLS, -np.log2(most).mean(), np.abs(2 * p - 1).mean(),
            4 * (ids * (k - ids)).sum() / (k * k * 128), correlation, by_class,
        ))
        majorities.append(majority)
    majorities = np.array(majorities)
    distances = np.concatenate(
        [count(majorities[i + 1 :] ^ majorities[i]) for i in range(devices - 1)]
    ) / CELLS
    ones = count(majorities) / CELLS
    expected = np.mean([a * (1 - b) + b * (1 - a) for a, b in combinations(ones, 2)])
    f = np.unpackbits(majorities.view(np.uint8), axis=1).mean(axis=0)
    aliasing = -np.log2(np.maximum(f, 1 - f)).mean()
    return out, distances.mean(), distances.min(), distances.max(), expected, aliasing


def peak_mib(command):
    """Peak resident memory of a command, by a helper process of its own."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, text=True, check=True
    )
    return int(run.stdout) / 1024


def main():
    if sys.argv[1] == "--once":
        metrics(sys.argv[2])
        return
    rounds = int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "cells.npy")
        rng = np.random.default_rng(1)
        skew = rng.normal(size=(DEVICES, 1, CELLS)).astype(np.float32)
        cells = np.empty((DEVICES, READOUTS, CELLS // 8), np.uint8)
        for place in range(DEVICES):
            noise = rng.normal(0, 0.11, (READOUTS, CELLS))
            cells[place] = np.packbits(skew[place] + noise > 0, axis=1)
        np.save(file, cells)
        np.save(str(Path(folder) / "ten.npy"), np.tile(cells, (1, 10, 1)))
        with subprocess.Popen(
            [sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as peer:

            def ask(job):
                peer.stdin.write(job + "\n")
                peer.stdin.flush()
                return peer.stdout.readline().strip()

            seconds = {name: [] for name in ["numpy", "1 thread", "2 threads"]}
            for _ in range(rounds):
                started = time.perf_counter()
                result = metrics(file)
                seconds["numpy"].append(time.perf_counter() - started)
                for threads in [1, 2]:
                    answer = ask(f"{threads} {file}").split()
                    name = f"{threads} thread{'s' if threads > 1 else ''}"
                    seconds[name].append(float(answer[0]))
                    assert abs(float(answer[1]) - result[1]) < 1e-12, (answer, result[1])
            ten = [float(ask(f"1 {folder}/ten.npy").split()[0]) for _ in range(max(rounds // 5, 1))]
            peer.stdin.close()
        ours = peak_mib([sys.argv[1], file])
        ours_ten = peak_mib([sys.argv[1], f"{folder}/ten.npy"])
        numpys = peak_mib([sys.executable, __file__, "--once", file])

    print(f"{DEVICES} devices x {READOUTS} readouts x {CELLS} cells, packed, from the file;")
    print(f"medians of {rounds} rounds in turns; NumPy {np.__version__}, {instructions()}")
    print()
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in median.items():
        pairs = [a / b for a, b in zip(seconds["numpy"], seconds[name])]
        label = "numpy" if name == "numpy" else f"puflab, {name}"
        print(f"{label:<24}{1000 * value:>9.1f} ms{statistics.median(pairs):>8.2f} x")
    print(f"ten times the readouts, 1 thread: {statistics.median(ten) / median['1 thread']:.1f} times as long")
    print(f"peak memory: numpy {numpys:.0f} MiB, puflab {ours:.0f} MiB, ten times the data {ours_ten:.0f} MiB")


def instructions():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return f"{usage.ru_maxrss / 1024:.0f} MiB of this process"


if __name__ == "__main__":
    main()
