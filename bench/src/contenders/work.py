"""The data every contender works on: the same pseudo-random images and labels in the shape of the row (see work.ts, which must agree).

The numbers are those of a 32-bit linear congruential generator (constants of Numerical Recipes), all images first and then all labels,
upper 24 bits of each. Each framework starts from weights of its own, drawn by its own default rule.
"""

import json
import os

import numpy as np

ROW = json.loads(os.environ["FOVEA_BENCH_ROW"])
TRAIN = ROW["task"] == "train"
BATCH = ROW["batch"]
BATCHES = ROW["batches"]
SIDE = ROW["side"]
CHANNELS = ROW["channels"]
CLASSES = ROW["classes"]
LEARNING_RATE = ROW["learningRate"]
MOMENTUM = ROW["momentum"]
WEIGHT_DECAY = ROW["weightDecay"]
NODES = ROW["net"]["nodes"]


def batches():
    """The batches: images float32 [batches, N, H, W, C] in [0, 1) and labels int64 [batches, N]."""
    count = BATCHES * BATCH * SIDE * SIDE * CHANNELS
    labels_count = BATCHES * BATCH
    state = np.uint64(12345)
    values = np.empty(count + labels_count, dtype=np.uint64)
    # x(n+1) = 1664525 x(n) + 1013904223 mod 2^32, unrolled by doubling: block k+1 is an affine image of block k.
    multiplier, increment = 1664525, 1013904223
    mask = (1 << 32) - 1
    values[0] = (multiplier * int(state) + increment) & mask
    filled, a, c = 1, multiplier, increment
    while filled < values.size:
        take = min(filled, values.size - filled)
        values[filled : filled + take] = (values[:take] * np.uint64(a) + np.uint64(c)) & np.uint64(mask)
        a, c = (a * a) & mask, (a * c + c) & mask
        filled += take
    high = (values >> np.uint64(8)).astype(np.uint32)
    images = (high[:count].astype(np.float32) * np.float32(2.0**-24)).reshape(BATCHES, BATCH, SIDE, SIDE, CHANNELS)
    labels = (high[count:] % CLASSES).astype(np.int64).reshape(BATCHES, BATCH)
    return images, labels


def checksum():
    """Sum of all pixels (in units of 2^-24) and labels, exact: equal sums tell that two contenders have the same work."""
    images, labels = batches()
    return int((images.astype(np.float64) * 2.0**24).sum()) + int(labels.sum())
