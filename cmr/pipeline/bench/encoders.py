"""Which model, pictures and captions are timed, or why none are."""

from __future__ import annotations

import json

from cmr.encode.encoder_kinds import kind_names
from cmr.encode.models import EMBEDDED, resolve
from cmr.encode.spec import ModelSpec
from cmr.errors import CmrError
from cmr.pipeline.bench.bench_request import ENCODE, BenchRequest
from cmr.pipeline.bench.contenders import BenchedModel
from cmr.pipeline.bench.measuring_task import Lane, Task
from cmr.pipeline.bench.schedule import PROCESS_BYTES, Job, Planner
from cmr.represent.dim_methods import NATIVE
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL
from cmr.warehouse.current import current_sets
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
    settings = _made_by(warehouse, subject)
    if "encoder" not in settings:
        return [], [
            f"encoding is not measured: the vectors of {subject.model!r} were given, "
            "not encoded by a model"
        ]
    try:
        spec = _spec(request, subject, settings)
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


def _made_by(warehouse: Store, subject: BenchedModel) -> Row:
    """Settings of the visuals' native vectors: the model, the encoder, and notes about it."""
    dataset = subject.row["dataset"]
    for row in current_sets(warehouse):
        native = row["dim_method"] == NATIVE and row["parent"] is None
        mine = (row["dataset"], row["model"], row["modality"]) == (dataset, subject.model, VISUAL)
        if native and mine:
            found: Row = json.loads(row["settings"])
            return found
    return {}


def _spec(request: BenchRequest, subject: BenchedModel, settings: Row) -> ModelSpec:
    """The model, by its name in the warehouse or as the request specifies it."""
    precision, prompt = settings["precision"], settings.get("prompt")
    name = subject.model
    if request.encoder is not None:
        return resolve(request.encoder, request.pretrained, name, precision, prompt)
    if name == EMBEDDED:
        return resolve(EMBEDDED, None, name, precision, prompt)
    architecture, slash, tag = name.removesuffix(f"-{precision}").partition("/")
    if settings["encoder"] == kind_names()[0] and slash and _is_known(architecture, tag):
        return resolve(architecture, request.pretrained or tag, name, precision, prompt)
    raise CmrError(f"--encoder says what loads the model {name!r}, as --model does for ingest")


def _is_known(architecture: str, tag: str) -> bool:
    import open_clip

    return (architecture, tag) in open_clip.list_pretrained()


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
    sampling: Row = {}
    if side == VISUAL and "pooling" in settings:
        sampling = {"frames": int(settings["frames"]), "sampling": settings["sampling"]}
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
        weights=(settings.get("encoder_details") or {}).get("weights_sha256"),
        texts=tuple(spec.prompted(one["text"]) for one in items) if side == TEXT else (),
        images=tuple(one["uri"] for one in items) if side == VISUAL else (),
        media=media,
        sampling=(sampling["frames"], sampling["sampling"]) if sampling else None,
    )
    row = planner.row(
        ENCODE,
        modality=side,
        device=device,
        batch_of=request.encode_batch,
        items=len(items),
        precision=spec.precision,
        **sampling,
    )
    return Job(task, {lane: row}, PROCESS_BYTES + MODEL_BYTES)


def _items(warehouse: Store, data: Row, side: str, count: int) -> list[Row]:
    mine = [name for name in data["files"] if f"/modality={side}/" in name]
    table = warehouse.read(data, ITEMS, mine).sort_by("ordinal").slice(0, count)
    rows: list[Row] = table.to_pylist()
    return rows
