"""Which frames of a clip are encoded, and how they become its vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SAMPLINGS = ("uniform", "fps", "middle")
# How clips may be handed to a model.
AS_WHOLE, AS_FRAMES = CLIPS_AS = ("whole", "frames")
# What is recorded of how frames become a vector: each on its own, or as one video.
MEAN = "mean of unit vectors"
WHOLE = "the model's, of the frames as one video"


@dataclass(frozen=True)
class Sampling:
    """How clips are encoded.

    `frames`: at most so many of a clip, and all of them where `which` is uniform. `which`: one of
    SAMPLINGS, see `cmr.encode.frame_choice.read_clip`. `rate`: frames a second where it is fps.
    `whole`: whether the model takes them together, as one video.
    """

    frames: int
    which: str = "uniform"
    rate: float = 1.0
    whole: bool = False

    def settings(self) -> dict[str, str]:
        """What is recorded, and determines a clip's vector."""
        found = {
            "frames": "1" if self.which == "middle" else str(self.frames),
            "sampling": self.which,
            "pooling": WHOLE if self.whole else MEAN,
        }
        if self.whole:
            found["times"] = "of the frames, in steps of the clip's average rate"
        # Vectors made before there were rates are recorded without one.
        if self.which == "fps" and (self.whole or self.rate != 1):
            # With every digit: another rate takes other frames, and these are read back.
            found["rate"] = f"{self.rate!r} a second".replace(".0 ", " ")
        return found

    @staticmethod
    def recorded(settings: Mapping[str, Any]) -> Sampling | None:
        """What `settings` recorded; None of pictures."""
        if "pooling" not in settings:
            return None
        rate = float(str(settings.get("rate", "1")).split()[0])
        whole = settings["pooling"] == WHOLE
        return Sampling(int(settings["frames"]), str(settings["sampling"]), rate, whole)
