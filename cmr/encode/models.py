"""Resolving a model's name: its name in the warehouse, and what identifies its weights.

Nothing here loads a model, so checking whether work is already done costs nothing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cmr.encode.encoder_kinds import get_kind, kind_names
from cmr.encode.spec import DEFAULT, LOCAL, ModelSpec
from cmr.errors import CmrError
from cmr.identity import file_hash, identity
from cmr.plain import other_than_plain
from cmr.suggestions import suggestion

ASSETS = Path(__file__).parent.parent / "assets"
EMBEDDED = "scenes-tiny"
HUB = "hf-hub:"
# The kind whose models may come with code of their own.
REMOTE = "sentence-transformers"


def model_settings(spec: ModelSpec) -> dict[str, str]:
    """What determines the vectors of both sides: names, hashes of local files, versions."""
    return {
        "model": spec.name,
        "encoder": spec.kind,
        "precision": spec.precision,
        **get_kind(spec.kind).settings(spec),
    }


def folder_hash(folder: Path) -> str:
    """Hash of the files in a model's folder, except notes and training logs.

    Raises CmrError, naming it, for anything but a regular file: a pipe would block forever.
    """
    files = sorted(path for path in folder.iterdir() if not path.is_dir())
    keep = [path for path in files if path.suffix not in (".md", ".csv")]
    for path in keep:
        refuse_other(path)
    # A dangling link is a file that the model may not need.
    return identity(**{path.name: file_hash(str(path)) for path in keep if path.is_file()})


def refuse_other(path: Path) -> None:
    """Raise CmrError where there is something other than a regular file."""
    if found := other_than_plain(path):
        raise CmrError(f"{path} cannot be read: {found}")


def resolve(
    model: str,
    pretrained: str | None,
    name: str | None = None,
    precision: str = "fp32",
    prompt: str | None = None,
) -> ModelSpec:
    """What `--model`, `--pretrained`, `--precision` and `--prompt` mean.

    `model`: `scenes-tiny`, an open_clip name, `hf-hub:org/repo`, `local-dir:folder`, or
    `KIND:…` for another kind of encoder. Half precision becomes part of the name, because the
    vectors differ. Raises CmrError if no weights are named, or if a prompt has no `{}`.
    """
    if prompt is not None and "{}" not in prompt:
        raise CmrError(f"--prompt {prompt!r} has no {{}}, which stands for the caption")
    kind, _, rest = model.partition(":")
    suffix = "" if precision == "fp32" else f"-{precision}"
    if rest and kind in kind_names() and kind != DEFAULT:
        own = Path(os.path.realpath(rest)).name if Path(rest).is_dir() else rest
        return ModelSpec(name or own + suffix, rest, pretrained, precision, kind, prompt)
    own, architecture, weights = _named(model, pretrained)
    return ModelSpec(name or own + suffix, architecture, weights, precision, DEFAULT, prompt)


def with_remote_code(spec: ModelSpec) -> ModelSpec:
    """The same model, whose own code may be run. Raises CmrError for kinds that never run any."""
    if spec.kind != REMOTE:
        raise CmrError(f"--run-remote-code is only for --model {REMOTE}:…; others never run any")
    return replace(spec, remote_code=True)


def check_open_clip(architecture: str, pretrained: str | None = None) -> None:
    """Raise CmrError for a model, or for weights of a model, that open_clip does not know.

    `pretrained`: a tag of the weights; a file has a name of its own, and is not looked up.
    """
    # It takes seconds, and is needed to load a model, or for an error.
    import open_clip

    if architecture.startswith((LOCAL, HUB)):
        return
    names = open_clip.list_models()
    # As open_clip does.
    if (own := architecture.replace("/", "-")) not in names:
        meant = suggestion(own, names)
        raise CmrError(f"unknown model {architecture}{meant or '; open_clip does not know it'}")
    tags = open_clip.list_pretrained_tags_by_model(own)
    plain = [one.lower().replace("-", "_") for one in (*tags, pretrained or "")]
    if pretrained and not Path(pretrained).exists() and tags and plain[-1] not in plain[:-1]:
        raise CmrError(
            f"the model {architecture} has no weights {pretrained!r}; there are "
            f"{', '.join(tags)}{suggestion(pretrained, tags)}"
        )


def _named(model: str, pretrained: str | None) -> tuple[str, str, str | None]:
    """A model's name here, its open_clip name, and its weights."""
    if model == EMBEDDED:
        return EMBEDDED, f"{LOCAL}{ASSETS / EMBEDDED}", None
    if model.startswith(LOCAL):
        folder = Path(os.path.realpath(model.removeprefix(LOCAL)))
        if not (folder / "open_clip_config.json").is_file():
            raise CmrError(f"{folder} holds no open_clip_config.json")
        return folder.name, f"{LOCAL}{folder}", None
    if model.startswith(HUB):
        return model.removeprefix(HUB), model, None
    if not pretrained:
        check_open_clip(model)
        raise CmrError(
            f"--model {model} needs --pretrained, a tag or a checkpoint file; "
            "without it the weights would be random"
        )
    if not Path(pretrained).is_dir():
        refuse_other(Path(pretrained))
    label = Path(pretrained).stem if Path(pretrained).is_file() else pretrained
    return f"{model}/{label}", model, pretrained
