"""Which model, pictures and captions are timed, or why none are."""

from __future__ import annotations

import json

from cmr.encode.sampling import Sampling
from cmr.encode.spec import ModelSpec
from cmr.errors import CmrError
from cmr.pipeline.bench.bench_request import ENCODE, BenchRequest
from cmr.pipeline.bench.contenders import BenchedModel
from cmr.pipeline.bench.measuring_task import Lane, Task
from cmr.pipeline.bench.schedule import PROCESS_BYTES, Job, Planner
from cmr.pipeline.own_model import made_by, spec_of, weights_of
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.schemas import ITEMS
from cmr.warehouse.store import Store

SCENES = "scenes"
# Memory of a loaded model, whose size is unknown.
MODEL_BYTES = 2 * 2**30


def encoding_jobs(
    planner: Planner,
    warehouse: Store,
    request: BenchRequest,
    subject: BenchedModel,
    device: str,
) -> tuple[list[Job], list[str]]:
    """One job per side, and a sentence for each side that cannot be encoded.

    Raises CmrError if the model or the pictures that the request names do not exist.
    """
    settings = made_by(warehouse, subject.row["dataset"], subject.model)
    if "encoder" not in settings:
        return [], [
            f"encoding is not measured: the vectors of {subject.model!r} were given, "
            "not encoded by a model"
        ]
    try:
        spec = spec_of(settings, subject.model, request.encoder, request.pretrained)
    except CmrError as error:
        if request.encoder is not None:
            raise
        return [], [f"encoding is not measured: {error}"]
    jobs = [_job(planner, warehouse, request, TEXT, spec, settings, device, {})]
    data = subject.row
    media: Row = {}
    if request.images is not None:
        media = {"images": request.images}
    elif data["source"] == SCENES:
        media = {"settings": json.loads(data["settings"])}
    if not media:
        what = "clips" if "pooling" in settings else "pictures"
        return jobs, [f"encoding of {what} is not measured: --images FOLDER says where they are"]
    if request.images is not None:
        from cmr.pipeline.bench.encode import open_media

        open_media(media)
    jobs.append(_job(planner, warehouse, request, VISUAL, spec, settings, device, media))
    return jobs, []


def _job(
    planner: Planner,
    warehouse: Store,
    request: BenchRequest,
    side: str,
    spec: ModelSpec,
    settings: Row,
    device: str,
    media: Row,
) -> Job:
    sampling = Sampling.recorded(settings) if side == VISUAL else None
    further: Row = {"frames": sampling.frames, "sampling": sampling.which} if sampling else {}
    what = "captions" if side == TEXT else "clips" if sampling else "pictures"
    items = _items(warehouse, planner.data, side, request.encode_items)
    lane = Lane()
    task = Task(
        root=warehouse.root,
        stage=ENCODE,
        label=f"encoding of {what} by {spec.name}",
        lanes=(lane,),
        threads=planner.threads,
        device=device,
        seed=request.search.seed,
        batch=request.encode_batch,
        spec=spec,
        weights=weights_of(settings),
        texts=tuple(spec.prompted(one["text"]) for one in items) if side == TEXT else (),
        images=tuple(one["uri"] for one in items) if side == VISUAL else (),
        media=media,
        sampling=sampling,
    )
    row = planner.row(
        ENCODE,
        modality=side,
        device=device,
        batch_of=request.encode_batch,
        items=len(items),
        precision=spec.precision,
        **further,
    )
    return Job(task, {lane: row}, PROCESS_BYTES + MODEL_BYTES)


def _items(warehouse: Store, data: Row, side: str, count: int) -> list[Row]:
    mine = [name for name in data["files"] if f"/modality={side}/" in name]
    table = warehouse.read(data, ITEMS, mine).sort_by("ordinal").slice(0, count)
    rows: list[Row] = table.to_pylist()
    return rows
