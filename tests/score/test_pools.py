"""Pools against NumPy's own Philox and a shuffle written plainly."""

from __future__ import annotations

import numpy as np
import pytest

from cmr.score.judgments import judge
from cmr.score.pools import DIRECTIONS, Pools, draw_pools


def plain_pool(query, relevant, gallery, count, draw, direction, seed):
    """The documented recipe, with big integers and a real list."""
    counter = [0, query, draw, DIRECTIONS[direction]]
    words = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64), counter=counter).random_raw(
        4 * count + 16
    )
    halves = [half for word in words.tolist() for half in (word & 0xFFFFFFFF, word >> 32)]
    rest = [item for item in range(gallery) if item not in relevant]
    at = 0
    for i in range(count):
        width = len(rest) - i
        while True:
            product = halves[at] * width
            at += 1
            if product % 2**32 >= 2**32 % width:
                break
        j = i + (product >> 32)
        rest[i], rest[j] = rest[j], rest[i]
    return rest[:count]


def as_drawn(members, places, count):
    found = [0] * count
    for member, place in zip(members[:count], places[:count], strict=True):
        found[place] = int(member)
    return found


@pytest.mark.parametrize("direction", ["t2v", "v2t"])
@pytest.mark.parametrize("draw", [0, 3])
def test_equals_the_recipe(direction, draw):
    rng = np.random.default_rng(0)
    relevant = np.zeros((30, 400), dtype=bool)
    relevant[np.arange(30), rng.integers(0, 400, 30)] = True
    relevant[5, 10:20] = True
    query, item = np.nonzero(relevant)
    judged = judge(query, item, 30, 400)
    members, places = draw_pools(judged, 0, 30, 100, draw, direction, 2**63 + 5)
    for one in range(30):
        mine = set(np.flatnonzero(relevant[one]).tolist())
        count = 100 - len(mine)
        plain = plain_pool(one, mine, 400, count, draw, direction, 2**63 + 5)
        assert as_drawn(members[one], places[one], count) == plain
        assert (np.diff(members[one][:count]) > 0).all()


def test_do_not_depend_on_batches_or_size():
    judged = judge(np.arange(50), np.arange(50), 50, 300)
    whole = Pools([50, 100], 1, 42).get("t2v", judged, 0, 50)[0]
    part = Pools([50, 100], 1, 42, room=0).get("t2v", judged, 20, 30)[0]
    np.testing.assert_array_equal(whole[0][20:30], part[0])
    np.testing.assert_array_equal(whole[1][20:30], part[1])
    small = Pools([50], 1, 42).get("t2v", judged, 0, 50)[0]
    for query in range(50):
        first = as_drawn(whole[0][query], whole[1][query], 99)[:49]
        assert as_drawn(small[0][query], small[1][query], 49) == first


def test_every_item_is_as_likely():
    """20,000 pools of 10 from 41: each non-relevant item is in a quarter of them."""
    judged = judge(np.arange(20_000), np.zeros(20_000, dtype=np.int64), 20_000, 41)
    members, _ = draw_pools(judged, 0, 20_000, 11, 0, "t2v", 1)
    share = np.bincount(members[:, :10].reshape(-1), minlength=41)[1:] / 20_000
    error = np.sqrt(0.25 * 0.75 / 20_000)
    assert np.abs(share - 0.25).max() < 4.5 * error
