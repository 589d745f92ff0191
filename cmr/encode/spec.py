"""A model and the settings it is used with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The default kind of encoder, and open_clip's prefix for a model in a folder.
DEFAULT = "open_clip"
LOCAL = "local-dir:"


@dataclass(frozen=True)
class ModelSpec:
    """A model and how it is used.

    `name`: its name in the warehouse. `architecture`: open_clip's name, `hf-hub:…`,
    `local-dir:…`, or the name that another kind of encoder uses. `pretrained`: a tag, a
    checkpoint file, or None where the architecture implies it. `precision`: of weights and
    activations, fp32, fp16 or bf16. `kind`: of encoder. `prompt`: a template; each caption takes
    the place of `{}`. `remote_code`: whether code that comes with the model may be run.
    """

    name: str
    architecture: str
    pretrained: str | None
    precision: str = "fp32"
    kind: str = DEFAULT
    prompt: str | None = None
    remote_code: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder of a `local-dir:` model."""
        if not self.architecture.startswith(LOCAL):
            return None
        return Path(self.architecture.removeprefix(LOCAL))

    def of_texts(self) -> dict[str, str]:
        """What else determines the vectors of texts."""
        return {} if self.prompt is None else {"prompt": self.prompt}

    def of_pictures(self) -> dict[str, str]:
        """What else determines the vectors of pictures."""
        return {"decode": "rgb, upright by EXIF, 16 bits / 257"}

    def prompted(self, caption: str) -> str:
        """The caption as it is given to the model."""
        return caption if self.prompt is None else self.prompt.replace("{}", caption)
