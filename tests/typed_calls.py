"""Calls that mypy checks, as a user's type checker and editor see them; they are never run.

An ignored error that is none is an error of mypy's, so a wrong call must be one.
"""

from __future__ import annotations

from typing import assert_type

import cmr


def calls(wh: cmr.Warehouse) -> None:
    done = wh.evaluate("coco", dims=[16, 32], precisions="fp32,int8", k=5, draws=2, force=True)
    assert_type(done.run_ids, list[str])
    wh.evaluate(dataset=None, dims=None, directions=("t2v",), rescore="fp32", memory=2**30)
    wh.evaluate(seed="x")  # type: ignore[arg-type]
    wh.evaluate(dims=1.5)  # type: ignore[arg-type]
    wh.evaluate(precisions=[16])  # type: ignore[list-item]
    wh.evaluate(list_length="all")  # type: ignore[arg-type]
    wh.evaluate(colour="red")  # type: ignore[call-arg]
    wh.evaluate("coco", "model", 16)  # type: ignore[call-arg]
