"""Captions grouped by video the way CLIP4Clip evaluates several sentences a video, in NumPy.

Of its main_task_retrieval.py and metrics.py: scores are padded to (videos, most captions, videos),
the maximum over a video's captions is a candidate's score, and a query's rank is where its own
video's score stands among the sorted ones. It knows nothing of ties.
"""

from __future__ import annotations

import numpy as np

from tests.reference import counts


def padded(scores: np.ndarray, video_of: np.ndarray) -> np.ndarray:
    """(texts, videos) scores as (videos, most captions, videos), -inf where a video has fewer."""
    videos = scores.shape[1]
    mine = [scores[video_of == video] for video in range(videos)]
    most = max(len(one) for one in mine)
    blank = np.full((videos, most, videos), -np.inf)
    for video, one in enumerate(mine):
        blank[video, : len(one)] = one
    return blank


def by_video(scores: np.ndarray, video_of: np.ndarray) -> np.ndarray:
    """(videos, videos): how well each video, a query, likes the best caption of each."""
    return padded(scores, video_of).max(axis=1).T


def figures(scores: np.ndarray) -> dict[str, float]:
    """R1, R5, R10 in percent, MR and MeanR, of a square matrix whose diagonal is right."""
    descending = np.sort(-scores, axis=1)
    own = np.diag(-scores)[:, None]
    place = np.where(descending - own == 0)[1]
    found = {f"R{k}": float((place < k).mean() * 100) for k in (1, 5, 10)}
    return {**found, "MR": float(np.median(place) + 1), "MeanR": float(np.mean(place) + 1)}


def count(scores: np.ndarray, video_of: np.ndarray, exact: bool):
    """(queries, 2) how many videos with captions are above each one's own, and tied with it."""
    there = np.unique(video_of)
    full = by_video(scores, video_of)[np.ix_(there, there)]
    return counts.count(full, np.eye(len(there), dtype=bool), exact)[:, :2]
