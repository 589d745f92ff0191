"""The numbers of cases and of clusters that are alike, beside counting them one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from cmr.score.alike import find_alike


def one_by_one(cluster, columns):
    """(pairs of each case, clusters alike to each pair's) by row, without saying which is first."""
    cases = list(zip(*(column.tolist() for column in columns), strict=True))
    of_cluster = {}
    for name, case in zip(cluster.tolist(), cases, strict=True):
        of_cluster.setdefault(name, Counter())[case] += 1
    kinds = Counter(frozenset(found.items()) for found in of_cluster.values())
    pairs = Counter(cases)
    alike = [kinds[frozenset(of_cluster[name].items())] for name in cluster.tolist()]
    return cases, [pairs[case] for case in cases], alike


@pytest.mark.parametrize("seed", range(30))
def test_as_one_by_one(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 400))
    cluster = rng.permutation(rows)[rng.integers(0, max(1, rows // 2), rows)]
    columns = [rng.integers(-1, 3, rows) for _ in range(3)]
    if seed % 3 == 0:  # too wide to be packed into 64 bits
        columns[0] = columns[0] * (2**60) + 5
        columns[1] = columns[1] * (2**61)
    if seed % 3 == 1:
        columns[2] = columns[2].astype(np.int32)
    found = find_alike(cluster, columns)
    cases, pairs, alike = one_by_one(cluster, columns)
    assert len(set(zip(cases, found.case_no.tolist(), strict=True))) == len(set(cases))
    assert sorted(set(found.case_no.tolist())) == list(range(len(set(cases))))
    first = found.case_pairs > 0
    assert sorted(found.case_no[first]) == list(range(len(set(cases))))
    assert found.case_pairs[first].tolist() == np.array(pairs)[first].tolist()
    assert not found.case_pairs[~first].any()
    # All pairs of a cluster say the same, and of the clusters that are alike one says how many.
    shown = found.clusters > 0
    assert found.clusters[shown].tolist() == np.array(alike)[shown].tolist()
    assert shown[first].all()
    by_cluster = {name: set(found.clusters[cluster == name].tolist()) for name in cluster.tolist()}
    assert {len(said) for said in by_cluster.values()} == {1}
    assert sum(said.pop() for said in by_cluster.values()) == len(set(cluster.tolist()))


def test_no_pairs():
    nothing = np.zeros(0, dtype=np.int64)
    found = find_alike(nothing, [nothing])
    assert len(found.case_no) == len(found.case_pairs) == len(found.clusters) == 0


def test_one_more_pair_is_another_cluster():
    """Neither a repeated pair nor a longer cluster is taken for another."""
    cluster = np.array([7, 7, 3, 3, 3, 1, 1])
    column = np.array([5, 6, 5, 6, 6, 6, 5])
    assert find_alike(cluster, [column]).clusters.tolist() == [0, 0, 1, 1, 1, 2, 2]
