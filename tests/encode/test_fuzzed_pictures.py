"""Damaged files of every kind: an item is encoded or rejected with a reason, and nothing else.

`CMR_FUZZ_CASES=20000` tries that many; `CMR_FUZZ_SEED` others.
"""

from __future__ import annotations

import os
import resource
import time

import numpy as np
import pytest
from open_clip import image_transform

from cmr.encode.batches import How, encode_images
from cmr.encode.openclip import preprocessing_of
from cmr.encode.sampling import Sampling
from cmr.sources.collection import Item
from tests.encode.files import clips, damaged, pictures

CASES = int(os.environ.get("CMR_FUZZ_CASES", "400"))
SEED = int(os.environ.get("CMR_FUZZ_SEED", "0"))
# Of one item, in seconds, on a machine that has other work, too.
SLOWEST = 60


class Prepares:
    """An encoder with open_clip's own preprocessing, and one vector for everything."""

    def __init__(self):
        self._transform = image_transform(16, is_train=False)
        self._steps = preprocessing_of(self._transform)

    def preprocess(self, image):
        return self._transform(self._steps.spare(image))

    def encode_images(self, batch):
        assert all(one.shape == (3, 16, 16) for one in batch)
        return np.ones((len(batch), 2), np.float32)


class Damaged:
    """Reads `n` as the n-th damaged file."""

    def __init__(self, files):
        self._files = [data for _, data in sorted(files.items())]

    def read(self, uri):
        data = self._files[int(uri) % len(self._files)]
        return damaged(data, np.random.default_rng([SEED, int(uri)]))


@pytest.mark.timeout(4 * 3600 if CASES > 1000 else 120)
@pytest.mark.parametrize(
    ("files", "share", "sampling"), [(pictures, 0.8, None), (clips, 0.2, Sampling(3))]
)
def test_damaged_files_are_encoded_or_rejected(files, share, sampling, capfd, recwarn):
    reader = Damaged(files())
    count = int(CASES * share)
    capfd.readouterr()
    recwarn.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done, clock, slowest = [], time.monotonic(), 0.0

    def advance(number):
        nonlocal clock, slowest
        slowest, clock = max(slowest, time.monotonic() - clock), time.monotonic()

    rejects = encode_images(
        Prepares(),
        [Item(str(n), uri=str(n)) for n in range(count)],
        reader,
        How(batch_size=32, workers=2, max_rejects=count, sampling=sampling),
        lambda items, vectors, frames: done.extend(items),
        advance,
    )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert len(done) + len(rejects) == count
    assert min(len(done), len(rejects)) > count / 10
    for reject in rejects:
        assert reject.reason.isprintable()
        assert 5 < len(reject.reason) < 300
    said = capfd.readouterr()
    assert said.err == said.out == ""
    assert [one.message for one in recwarn if "PIL" in one.filename] == []
    assert slowest < SLOWEST
    if CASES > 1000:
        with capfd.disabled():
            print(f"\n{files.__name__}: {len(done)} encoded, {len(rejects)} rejected; slowest "
                  f"{slowest:.1f} s; {grown} MiB more")  # fmt: skip
