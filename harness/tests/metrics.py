"""The metrics of `puflab inspect`, written from their definitions with NumPy; and pypuf's own.

Usage: metrics.py CELLS.npy, uint8 of shape (devices, readouts, cells). Prints one JSON object.
Nothing here is fast, and nothing is shared with the Rust code: sums are taken over all pairs.
"""

import json
import sys
from itertools import combinations

import numpy as np


def of_device(x):
    readouts, cells = x.shape
    p = x.mean(axis=0)
    twice = 2 * x.sum(axis=0, dtype=np.int64)
    majority = np.where(twice == readouts, x[0], twice > readouts)
    to_first = (x[1:] != x[0]).mean(axis=1)
    to_majority = (x != majority).mean(axis=1)
    pairs = [(a != b).mean() for a, b in combinations(x, 2)]
    most = np.maximum(p, 1 - p)
    b = x.mean()
    ids = majority[: cells // 128 * 128].reshape(-1, 128)
    k = len(ids)
    between_ids = sum(int((ids[i] != ids[j]).sum()) for i, j in combinations(range(k), 2))
    centred = majority - majority.mean()
    variance = majority.mean() * (1 - majority.mean())
    lags = {}
    for lag in [1, 8, 64, 128]:
        differ = (majority[:-lag] != majority[lag:]).mean()
        lags[str(lag)] = 1 - differ / (2 * variance)
    classes = {}
    index = np.arange(cells)
    for bit in range(5):
        odd = (index >> bit) & 1 == 1
        classes[str(1 << bit)] = [majority[~odd].mean(), majority[odd].mean()]
    assert abs(centred.mean()) < 1e-9
    return {
        "ones_fraction": b,
        "ones_range": [x.mean(axis=1).min(), x.mean(axis=1).max()],
        "wchd_first": to_first.mean(),
        "wchd_first_max": to_first.max(),
        "wchd_majority": to_majority.mean(),
        "wchd_majority_max": to_majority.max(),
        "wchd_pairwise": np.mean(pairs),
        "never_flipping": ((p == 0) | (p == 1)).mean(),
        "noise_min_entropy": (-np.log2(most)).mean(),
        "reliability_maiti": 1 - to_first.mean(),
        "reliability_pypuf": np.abs(2 * p - 1).mean(),
        "min_entropy_bias": -np.log2(max(majority.mean(), 1 - majority.mean())),
        "randomness": -np.log2(max(b, 1 - b)),
        "steadiness": 1 + np.log2(most).mean(),
        "correctness": 1 - 2 * (x != majority).mean(),
        "diffuseness": 4 / (k * k * 128) * between_ids,
        "autocorrelation": lags,
        "classes": classes,
    }, p > 0.5


def between(majorities):
    d, cells = majorities.shape
    distances = np.array([(a != b).mean() for a, b in combinations(majorities, 2)])
    ones = majorities.mean(axis=1)
    expected = [a * (1 - b) + b * (1 - a) for a, b in combinations(ones, 2)]
    f = majorities.mean(axis=0)
    return {
        "bchd": distances.mean(),
        "bchd_sd": distances.std(),
        "least": distances.min(),
        "greatest": distances.max(),
        "expected_from_bias": np.mean(expected),
        "aliasing_min_entropy": (-np.log2(np.maximum(f, 1 - f))).mean(),
        "uniqueness_hori": 4 / d**2 * distances.sum(),
    }


def by_pypuf(x, majorities):
    """pypuf takes responses of -1 and 1; its challenges are our cells."""
    from pypuf.metrics import reliability_data, similarity_data, uniqueness_data

    signs = 1 - 2 * x.astype(np.int8)
    devices = 1 - 2 * majorities.astype(np.int8)
    return {
        "reliability": [float(reliability_data(d.T[:, None, :]).mean()) for d in signs],
        "uniqueness": float(uniqueness_data(devices[:, :, None])[0]),
        "similarity_of_first_two": float(similarity_data(devices[0], devices[1])[0]),
    }


def main():
    x = np.load(sys.argv[1])
    scored = [of_device(device) for device in x]
    majorities = np.array([majority for _, majority in scored]).astype(np.uint8)
    out = {
        "devices": [figures for figures, _ in scored],
        "between": between(majorities),
        "pypuf": by_pypuf(x, majorities),
    }
    print(json.dumps(out, default=float))


main()
