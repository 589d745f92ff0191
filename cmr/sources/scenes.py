"""The embedded data set as a source: a split of `scenes`, drawn when read."""

from __future__ import annotations

from cmr.identity import identity
from cmr.sources.collection import Collection, Item, Judgment
from cmr.sources.scenes_draw import SIZE, Scene, render_png, scenes
from cmr.sources.scenes_words import KINDS
from cmr.sources.source import LIMIT, Parameter, Source

# Increase it when the drawing or the words change: it identifies the pictures' content.
VERSION = 2
# The first one is for evaluation.
SPLITS = ("test", "train")


class SceneReader:
    """Draws a picture instead of reading one."""

    def __init__(self, drawn: list[Scene]) -> None:
        """`drawn`: the scenes that can be read, by their ids."""
        self._scenes = {scene.scene_id: scene for scene in drawn}

    def read(self, uri: str) -> bytes:
        """The PNG bytes of the scene `uri`."""
        if uri not in self._scenes:
            raise FileNotFoundError(uri)
        return render_png(self._scenes[uri])


def read_scenes(split: str = "test", limit: int | None = None, seed: int = 0) -> Collection:
    """Scenes of a split, five captions each, with what they are about as attributes.

    Raises CmrError for an unknown split.
    """
    drawn = scenes(split, limit, seed)
    visuals, texts, judgments = [], [], []
    for scene in drawn:
        content = identity(
            version=VERSION, things=[vars(thing) for thing in scene.things], on=scene.background
        )
        visuals.append(
            Item(
                scene.scene_id,
                uri=scene.scene_id,
                split=split,
                width=SIZE,
                height=SIZE,
                content_hash=content,
                attributes=(
                    ("background", scene.background),
                    ("objects", str(len(scene.things))),
                ),
            )
        )
        for number, (kind, caption) in enumerate(zip(KINDS, scene.captions, strict=True)):
            text_id = f"{scene.scene_id}-{number}"
            texts.append(Item(text_id, text=caption, split=split, attributes=(("kind", kind),)))
            judgments.append(Judgment(text_id, scene.scene_id))
    settings = {"split": split, "seed": seed, "limit": limit, "version": VERSION}
    return Collection("scenes", texts, visuals, judgments, settings, SceneReader(drawn))


SOURCE = Source(
    name="scenes",
    summary="The embedded data set: drawn coloured shapes, five captions each.",
    about="2,000 pictures are drawn when they are read, or up to 20,000 of the train split, which "
    "shares none with them; nothing is fetched.",
    examples=(
        "cmr ingest scenes",
        "cmr ingest scenes --split train --limit 2000 --dataset scenes-train",
        "cmr ingest scenes --model ViT-B-32 --pretrained openai",
    ),
    parameters=(
        Parameter("split", "Split to draw.", choices=SPLITS, default=SPLITS[0]),
        LIMIT,
    ),
    read=read_scenes,
    media=True,
    own_model=True,
)
