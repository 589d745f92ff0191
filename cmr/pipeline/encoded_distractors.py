"""Distractors that are pictures, clips or captions: encoded as the data set itself was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import pyarrow as pa

from cmr.encode.encoder_kinds import get_kind
from cmr.encode.models import EMBEDDED, HUB, model_settings, resolve
from cmr.encode.sampling import Sampling
from cmr.encode.spec import DEFAULT, ModelSpec
from cmr.errors import CmrError
from cmr.pipeline.contents import LONGEST_TEXT, hashed
from cmr.pipeline.copies import Copies
from cmr.pipeline.datasets import reject_table
from cmr.pipeline.distractor_wish import Found, Wish, copied
from cmr.pipeline.encoding import EncodeOptions
from cmr.pipeline.enlarged import Base, New, refuse_ids, relevant_vectors
from cmr.pipeline.judged_data import find_model
from cmr.pipeline.known_vectors import Encoding, content_key, deciding
from cmr.progressbar import ProgressBar, waiting
from cmr.represent.unit_vectors import Floats, normalise
from cmr.rows import Row
from cmr.sources.collection import TEXT, VISUAL, Item, MediaReader, Reject, check_max_rejects
from cmr.sources.distractors import Loose, loose_texts, loose_visuals
from cmr.warehouse.store import Store
from cmr.warehouse.vectors import group_rows


def encode_distractors(
    warehouse: Store,
    base: Base,
    sources: Sequence[str],
    wish: Wish,
    options: EncodeOptions,
    bar: ProgressBar,
) -> tuple[New, Found]:
    """Encode what no earlier ingest has encoded, by one model of the data set or all of them.

    Raises CmrError if a model was not encoded here, or is not found by what is recorded of it; and
    if more than --max-rejects cannot be used. Encoded vectors are kept until they are stored, so a
    killed command goes on.
    """
    check_max_rejects(options.max_rejects)
    side = wish.side
    specs = [(name, _spec(base, name, wish)) for name in _models(warehouse, base, wish)]
    clips = _has_clips(base, specs[0][0])
    with waiting(bar, "looking for distractors"):
        loose = [_loose(path, wish, clips) for path in sources]
    every = [one for source in loose for one in source.items]
    ids = pa.array([wish.prefix + one.item_id for one in every], pa.string())
    refuse_ids(base, side, ids)
    if wish.limit is not None:
        loose = _limited(loose, wish.limit)
    groups, rejects = _read(loose, side, options, bar)
    total = sum(len(one.items) + len(one.rejects) for one in loose)
    allowed = int(total * options.max_rejects)
    _refuse(rejects, total, allowed)
    known = {}
    for name, spec in specs:
        stored = base.sets[name][side, _dim(base, name, side)]
        encoding = Encoding(warehouse.root, deciding(stored["settings"]), side)
        known[name] = encoding
        rejects += _encode(encoding, spec, groups, options, allowed - len(rejects), bar)
        _refuse(rejects, total, allowed)
        # What one model cannot use is rejected once, and not given to the next.
        bad = {one.source_row for one in rejects}
        groups = [
            ([one for one in group if _called(one) not in bad], reader) for group, reader in groups
        ]
    items = [one for group, _ in groups for one in group]
    if not items:
        raise CmrError("no distractor can be used")
    return _new(warehouse, base, known, items, wish, rejects)


def _new(
    warehouse: Store,
    base: Base,
    known: Mapping[str, Encoding],
    items: list[Item],
    wish: Wish,
    rejects: list[Reject],
) -> tuple[New, Found]:
    """The encoded items as distractors, and which are copies of relevant ones."""
    side = wish.side
    first = next(iter(known))
    relevant, names = relevant_vectors(
        warehouse, base, side, base.sets[first][side, _dim(base, first, side)]
    )
    ids = pa.array([wish.prefix + one.item_id for one in items], pa.string())
    copies = Copies(relevant)
    unit = normalise(known[first].vectors(items), ids.to_pylist(), "distractor")
    copy_of = copies.of(unit)
    count, example = copied(ids, copy_of, names)
    if wish.drop_copies:
        kept = np.flatnonzero(copy_of < 0)
        items, ids = [items[at] for at in kept], ids.take(pa.array(kept))

    def blocks(name: str) -> Iterator[tuple[int, Floats]]:
        step = group_rows(_dim(base, name, side), "fp32")
        for at in range(0, len(items), step):
            mine = items[at : at + step]
            called = [one.item_id for one in mine]
            yield at, normalise(known[name].vectors(mine), called, "distractor")

    columns = {
        "text": pa.array([one.text for one in items], pa.string()),
        "duration": pa.array([known[first].duration(one) for one in items], pa.float64()),
        "content_hash": pa.array([one.content_hash for one in items], pa.string()),
    }
    new = New(
        side,
        ids,
        {
            (name, _dim(base, name, side)): (lambda name=name: blocks(name))  # type: ignore[misc]
            for name in known
        },
        {name: {} for name in known},
        columns,
        reject_table(rejects) if rejects else None,
    )

    def finish() -> None:
        for one in known.values():
            one.forget()

    return new, Found(count, example, tuple(rejects), finish=finish)


def _models(warehouse: Store, base: Base, wish: Wish) -> list[str]:
    """The models of the data set that encode: the one that is named, or all."""
    if wish.model is None:
        return sorted(base.sets)
    if wish.model in base.sets:
        return [wish.model]
    if wish.pretrained is not None or ":" in wish.model:
        name = resolve(wish.model, wish.pretrained).name
        if name in base.sets:
            return [name]
    return [find_model(warehouse, base.row, wish.model)]


def _dim(base: Base, name: str, side: str) -> int:
    return max(dim for which, dim in base.sets[name] if which == side)


def _has_clips(base: Base, name: str) -> bool:
    """Whether a data set's visuals are clips."""
    told = deciding(base.sets[name][VISUAL, _dim(base, name, VISUAL)]["settings"])
    return Sampling.recorded(told) is not None


def _spec(base: Base, name: str, wish: Wish) -> ModelSpec:
    """The model by which a data set was encoded, from what is recorded of it.

    Raises CmrError if it was imported, or if what is found here is another model or version.
    """
    row: Row = base.sets[name][wish.side, _dim(base, name, wish.side)]
    told = deciding(row["settings"])
    if "encoder" not in told:
        raise CmrError(
            f"the vectors of {base.row['dataset']!r} by {name!r} were imported, so cmr cannot "
            "encode its distractors; give their vectors"
        )
    kind, weights, precision = told["encoder"], str(told["weights"]), told["precision"]
    if wish.pretrained is not None or (wish.model is not None and wish.model not in base.sets):
        asked = (str(wish.model or name), wish.pretrained)
    elif kind != DEFAULT:
        asked = (f"{kind}:{weights}", None)
    elif name.removesuffix(f"-{precision}") == EMBEDDED:
        asked = (EMBEDDED, None)
    elif weights.startswith(HUB):
        asked = (weights, None)
    else:
        asked = (name.removesuffix(f"-{precision}").removesuffix(f"/{weights}"), weights)
    texts = json.loads(base.sets[name][TEXT, _dim(base, name, TEXT)]["settings"])
    spec = resolve(*asked, name, precision, texts.get("prompt"))
    spec = replace(spec, remote_code="remote_code" in told)
    now = model_settings(spec)
    differ = sorted(key for key, value in now.items() if told.get(key) != value)
    if differ:
        raise CmrError(
            f"{base.row['dataset']!r} was encoded by {name!r} with another {', '.join(differ)} "
            "than there is here; encode it again, or give the model with --model and --pretrained"
        )
    return spec


def _loose(path: str, wish: Wish, clips: bool) -> Loose:
    return loose_texts(path) if wish.side == TEXT else loose_visuals(path, wish.images, clips)


def _limited(loose: Sequence[Loose], limit: int) -> list[Loose]:
    found: list[Loose] = []
    for one in loose:
        left = limit - sum(len(before.items) for before in found)
        found.append(replace(one, items=one.items[: max(0, left)]))
    return found


def _called(item: Item) -> str:
    return item.uri or item.item_id


def _read(
    loose: Sequence[Loose], side: str, options: EncodeOptions, bar: ProgressBar
) -> tuple[list[tuple[list[Item], MediaReader | None]], list[Reject]]:
    """The items that can be read, with a hash of their bytes, by source; and what cannot."""
    groups: list[tuple[list[Item], MediaReader | None]] = []
    rejects = list(chain.from_iterable(one.rejects for one in loose))
    for one in loose:
        if side == TEXT:
            long = [item for item in one.items if len(item.text or "") > LONGEST_TEXT]
            rejects += [Reject(item.item_id, "the caption is too long") for item in long]
            groups.append(([item for item in one.items if item not in long], None))
            continue
        assert one.reader is not None
        kept, missing = hashed(one.items, one.reader, options.workers, bar, places=one.places)
        rejects += missing
        groups.append((kept, one.reader))
    return groups, rejects


def _encode(
    encoding: Encoding,
    spec: ModelSpec,
    groups: Sequence[tuple[list[Item], MediaReader | None]],
    options: EncodeOptions,
    allowed: int,
    bar: ProgressBar,
) -> list[Reject]:
    """Encode what is not known yet; returns the items that do not decode."""
    if not any(encoding.lacking(items) for items, _ in groups):
        return []
    from cmr.devices import pick_device
    from cmr.encode.batches import How, encode_images

    with waiting(bar, f"loading {spec.name}"):
        encoder = get_kind(spec.kind).load(spec, pick_device(options.device))
        encoding.loaded(encoder.details())
    rejects: list[Reject] = []
    for items, reader in groups:
        lacking = encoding.lacking(items)
        with bar("encoding distractors", len(lacking), "items") as advance:
            if reader is None:
                for at in range(0, len(lacking), options.batch_size):
                    batch = lacking[at : at + options.batch_size]
                    told = [spec.prompted(item.text or "") for item in batch]
                    encoding.add(batch, encoder.encode_texts(told))
                    advance(len(batch))
            elif lacking:
                sampling = Sampling.recorded(encoding.settings)
                how = How(options.batch_size, options.workers, allowed, sampling)
                bad = encode_images(encoder, lacking, reader, how, encoding.add, advance)
                faults = {one.source_row: one.reason for one in bad}
                broken = {
                    content_key(one): faults[_called(one)]
                    for one in lacking
                    if _called(one) in faults
                }
                rejects += [
                    Reject(_called(one), broken[content_key(one)])
                    for one in items
                    if content_key(one) in broken
                ]
    return rejects


def _refuse(rejects: list[Reject], total: int, allowed: int) -> None:
    from cmr.encode.batches import refuse_rejects

    refuse_rejects(rejects, total, allowed)
