"""The names of the claims under which each part of a warehouse is written."""

from __future__ import annotations

from urllib.parse import unquote

from cmr.identity import identity

_OF_RUNS = ("ranks", "held_out_ranks", "sampled_ranks", "hits", "held_out_hits", "timings")


def of_dataset(dataset: str) -> str:
    """The claim on a data set's items and judgments, and on ingesting its vectors."""
    return identity(dataset=dataset)


def of_qrels(dataset: str, qrels: str) -> str:
    """The claim on further judgments."""
    return identity(dataset=dataset, qrels=qrels)


def of_partition(where: str) -> str:
    """The claim on the embedding sets in one partition folder."""
    return identity(partition=where)


def guards(path: str) -> set[str] | None:
    """The claims of which a writer of this file holds one; None if the path does not tell."""
    folder, _, name = path.rpartition("/")
    table, *folders = folder.split("/")
    keys = dict(part.split("=", 1) for part in folders if "=" in part)
    values = {key: unquote(value) for key, value in keys.items()}
    if table in _OF_RUNS and "run_id" in values:
        return {values["run_id"]}
    if table == "runs":
        return {unquote(name.partition(".")[0])}
    if table in ("items", "qrels") and "dataset" in values:
        return {of_dataset(values["dataset"])}
    if table == "extra_qrels" and "qrels" in values:
        return {of_qrels(values["dataset"], values["qrels"])}
    if table in ("embeddings", "codebooks") and "dataset" in values:
        # A codebook is written with the codes that need it.
        coded = "/".join(["embeddings", *folders])
        return {of_partition(coded), of_dataset(values["dataset"])}
    return None
