"""Which model is meant: its name in the warehouse, and what identifies its weights.

Nothing here loads a model, so asking whether work is done already costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cmr.errors import CmrError
from cmr.identity import file_hash, identity

ASSETS = Path(__file__).parent.parent / "assets"
EMBEDDED = "scenes-tiny"
LOCAL = "local-dir:"
HUB = "hf-hub:"


@dataclass(frozen=True)
class ModelSpec:
    """A model as open_clip loads it.

    `name`: its name in the warehouse. `architecture`: open_clip's name, `hf-hub:…` or
    `local-dir:…`. `pretrained`: a tag, a checkpoint file, or None where the architecture says it.
    `precision`: of the weights and what flows through them, fp32, fp16 or bf16.
    """

    name: str
    architecture: str
    pretrained: str | None
    precision: str = "fp32"

    @property
    def folder(self) -> Path | None:
        """The folder of a `local-dir:` model."""
        if not self.architecture.startswith(LOCAL):
            return None
        return Path(self.architecture.removeprefix(LOCAL))

    def settings(self) -> dict[str, str]:
        """What decides the vectors: names, hashes of local files, and library versions."""
        found = {
            "model": self.name,
            "open_clip": version("open_clip_torch"),
            "precision": self.precision,
            "decode": "rgb, upright by EXIF",
        }
        if self.folder is not None:
            files = sorted(path for path in self.folder.iterdir() if path.is_file())
            keep = [path for path in files if path.suffix not in (".md", ".csv")]
            found["weights"] = identity(**{path.name: file_hash(str(path)) for path in keep})
        elif self.pretrained and Path(self.pretrained).is_file():
            found["weights"] = file_hash(self.pretrained)[:16]
        else:
            found["weights"] = self.pretrained or self.architecture
        return found


def resolve(
    model: str, pretrained: str | None, name: str | None = None, precision: str = "fp32"
) -> ModelSpec:
    """What `--model`, `--pretrained` and `--precision` mean.

    `model`: `scenes-tiny`, an open_clip name, `hf-hub:org/repo` or `local-dir:folder`. One in half
    precision has that in its name, for its vectors are others. Raises CmrError if no weights are
    named.
    """
    own, architecture, weights = _named(model, pretrained)
    suffix = "" if precision == "fp32" else f"-{precision}"
    return ModelSpec(name or own + suffix, architecture, weights, precision)


def _named(model: str, pretrained: str | None) -> tuple[str, str, str | None]:
    """A model's own name, open_clip's name of it, and its weights."""
    if model == EMBEDDED:
        return EMBEDDED, f"{LOCAL}{ASSETS / EMBEDDED}", None
    if model.startswith(LOCAL):
        folder = Path(model.removeprefix(LOCAL)).resolve()
        if not (folder / "open_clip_config.json").is_file():
            raise CmrError(f"{folder} holds no open_clip_config.json")
        return folder.name, f"{LOCAL}{folder}", None
    if model.startswith(HUB):
        return model.removeprefix(HUB), model, None
    if not pretrained:
        raise CmrError(
            f"--model {model} needs --pretrained, a tag or a checkpoint file; "
            "without it the weights would be random"
        )
    label = Path(pretrained).stem if Path(pretrained).is_file() else pretrained
    return f"{model}/{label}", model, pretrained
