"""The model that made a data set's vectors: what is recorded of it, and loading it again."""

from __future__ import annotations

import json

from cmr.encode.encoder import Encoder
from cmr.encode.encoder_kinds import get_kind, kind_names
from cmr.encode.models import EMBEDDED, HUB, REMOTE, resolve
from cmr.encode.spec import DEFAULT, ModelSpec
from cmr.errors import CmrError
from cmr.represent.dim_methods import NATIVE
from cmr.rows import Row
from cmr.sources.collection import VISUAL
from cmr.warehouse.current import current_sets
from cmr.warehouse.store import Store


def made_by(warehouse: Store, dataset: str, model: str) -> Row:
    """Settings of the visuals' native vectors: the model, the encoder, and notes about it.

    Without `encoder` where the vectors were given, not encoded by a model.
    """
    for row in current_sets(warehouse):
        native = row["dim_method"] == NATIVE and row["parent"] is None
        mine = (row["dataset"], row["model"], row["modality"]) == (dataset, model, VISUAL)
        if native and mine:
            found: Row = json.loads(row["settings"])
            return found
    return {}


def spec_of(
    settings: Row, name: str, encoder: str | None = None, pretrained: str | None = None
) -> ModelSpec:
    """The model, by its name in the warehouse, or as `encoder` says, as `--model` does for ingest.

    Raises CmrError where the name does not tell what to load.
    """
    precision, prompt = settings["precision"], settings.get("prompt")
    if encoder is not None:
        return resolve(encoder, pretrained, name, precision, prompt)
    if name == EMBEDDED:
        return resolve(EMBEDDED, None, name, precision, prompt)
    architecture, slash, tag = name.removesuffix(f"-{precision}").partition("/")
    if settings["encoder"] == kind_names()[0] and slash and _is_known(architecture, tag):
        return resolve(architecture, pretrained or tag, name, precision, prompt)
    raise CmrError(f"--encoder says what loads the model {name!r}, as --model does for ingest")


def hub_spec(settings: Row, name: str) -> ModelSpec | None:
    """The model of a hub that its weights' recorded name tells; None where they were a file's.

    Raises CmrError if it came with code of its own, which nobody has agreed to run.
    """
    kind, weights = settings["encoder"], str(settings.get("weights", ""))
    if kind == DEFAULT:
        told = weights if weights.startswith(HUB) else ""
    else:
        told = f"{kind}:{weights}" if "/" in weights else ""
    if not told:
        return None
    if kind == REMOTE and settings.get("remote_code"):
        raise CmrError(
            f"the model {name!r} comes with code of its own, which is run only by `cmr ingest "
            "--run-remote-code`"
        )
    return resolve(told, None, name, settings["precision"], settings.get("prompt"))


def load_again(spec: ModelSpec, device: str, weights: str | None) -> Encoder:
    """Load a model whose weights must have that hash, if it is known.

    Raises CmrError if it is unavailable, or is a different one.
    """
    encoder = get_kind(spec.kind).load(spec, device)
    found = encoder.details()["weights_sha256"]
    if weights is not None and found != weights:
        raise CmrError(
            f"the loaded weights of {spec.name!r} are not those that made the vectors in "
            "the warehouse"
        )
    return encoder


def weights_of(settings: Row) -> str | None:
    """The recorded hash of the weights; None where there is none."""
    found: str | None = (settings.get("encoder_details") or {}).get("weights_sha256")
    return found


def _is_known(architecture: str, tag: str) -> bool:
    import open_clip

    return (architecture, tag) in open_clip.list_pretrained()
