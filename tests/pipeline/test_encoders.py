"""Encoders: transformers' models, those of other packages, prompts, and what is recorded."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from cmr.encode import encoder_kinds
from cmr.encode.encoder import EncoderKind
from cmr.encode.models import resolve
from cmr.errors import CmrError
from cmr.sources.scenes_draw import render, scenes
from cmr.views import connect
from tests.conftest import TOY


@pytest.fixture
def pairs(tmp_path):
    """Six pictures and captions as a table."""
    folder = tmp_path / "photos"
    folder.mkdir()
    drawn = scenes("test", 6)
    for n, scene in enumerate(drawn):
        render(scene).save(folder / f"{n}.png")
    path = tmp_path / "captions.csv"
    rows = "".join(f"{n}.png,{scene.captions[0]}\n" for n, scene in enumerate(drawn))
    path.write_text("image,caption\n" + rows)
    return ("pairs", path, *TOY, "--images", folder)


def vectors(root, model):
    rows = connect(str(root)).execute(
        "select modality, item_id, vector from embeddings where model = ?", [model]
    )
    return {row[:2]: np.array(row[2]) for row in rows.fetchall()}


def settings(root, modality):
    (text,) = connect(str(root)).execute(
        "select settings from embedding_sets where modality = ?", [modality]
    ).fetchone()  # fmt: skip
    return json.loads(text)


class Ramp:
    """Pixels' mean colours, and captions' letters."""

    def __init__(self, spec, device):
        self.spec = spec

    def preprocess(self, image):
        return torch.from_numpy(np.asarray(image, np.float32)).mean((0, 1))

    def encode_images(self, batch):
        return torch.stack(list(batch)).numpy() + 1

    def encode_texts(self, batch):
        return np.array([[len(text), text.count("a"), 1] for text in batch], np.float32)

    def token_counts(self, batch):
        return [len(text) for text in batch]

    def details(self):
        return {"weights_sha256": "none", "context_length": 30}


RAMP = EncoderKind("For a test.", Ramp, lambda spec: {"weights": spec.architecture})


@pytest.fixture
def plugins(monkeypatch):
    points = {
        "ramp": EntryPoint("ramp", f"{__name__}:RAMP", encoder_kinds.GROUP),
        "broken": EntryPoint("broken", "no_such_package:KIND", encoder_kinds.GROUP),
    }
    monkeypatch.setattr(encoder_kinds, "_others", lambda: points)


def test_an_encoder_of_another_package(cmr, pairs, plugins, tmp_path):
    root = tmp_path / "w"
    said = cmr("ingest", *pairs, "-w", root, "--model", "ramp:grey").stderr
    found = vectors(root, "grey")
    assert len(found) == 12
    assert settings(root, "text")["encoder"] == "ramp"
    captions = [scene.captions[0] for scene in scenes("test", 6)]
    for n, caption in enumerate(captions):
        wanted = np.array([len(caption), caption.count("a"), 1], float)
        np.testing.assert_allclose(found["text", str(n)], wanted / np.linalg.norm(wanted), 1e-6)
    long = sum(len(caption) > 30 for caption in captions)
    assert f"{long} captions are longer than the model's 30 tokens" in said
    refused = cmr("ingest", *pairs, "-w", root, "--model", "broken:x", code=1)
    assert "no_such_package:KIND" in refused.stderr


def test_a_prompt(cmr, pairs, plugins, tmp_path):
    root = tmp_path / "w"
    cmr("ingest", *pairs, "-w", root, "--model", "ramp:grey")
    other = ("--prompt", "a photo of {}.")
    refused = cmr("ingest", *pairs, "-w", root, "--model", "ramp:grey", *other, code=1)
    assert "choose another --model-name" in refused.stderr
    said = cmr("ingest", *pairs, "-w", root, "--model", "ramp:grey", "--model-name", "p", *other)
    found = vectors(root, "p")
    wanted = np.array([len(f"a photo of {scenes('test', 1)[0].captions[0]}."), 0, 0])
    ratio = found["text", "0"][0] / found["text", "0"][2]
    assert ratio == pytest.approx(wanted[0], rel=1e-5)
    assert said.exit_code == 0
    assert "{}" in cmr(
        "ingest", *pairs, "-w", root, "--model", "ramp:grey", "--prompt", "none", code=1
    ).stderr  # fmt: skip


@pytest.mark.slow
def test_what_is_recorded(cmr, pairs, tmp_path):
    root = tmp_path / "w"
    cmr("ingest", *pairs, "-w", root, "--prompt", "see: {}")
    text, visual = settings(root, "text"), settings(root, "visual")
    assert text["prompt"] == "see: {}"
    assert "prompt" not in visual
    details = visual["encoder_details"]
    assert len(details["weights_sha256"]) == 16
    assert "Resize" in details["preprocess"]
    assert "Normalize" in details["preprocess"]
    assert "SimpleTokenizer" in details["tokenizer"]
    assert details["context_length"] > 8
    assert text["open_clip"]
    cmr("evaluate", "-w", root, "--dims", "64", "--precisions", "fp32,int8", "--candidates", "4")
    shown = cmr("runs", "show", "dim=64,precision=fp32,direction=t2v", "-w", root).stdout
    for word in ("weights_sha256", "preprocess", "context_length", "tokenizer", "prompt"):
        assert word in shown


@pytest.fixture(scope="module", params=["clip", "siglip"])
def hf_model(request, tmp_path_factory):
    """A small model with its processor, saved as transformers saves them."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp(request.param)
    words = sorted({word for scene in scenes("test", 6) for word in scene.captions[0].split()})
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    vocab |= {word: n + 4 for n, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    names = ["input_ids"] if request.param == "siglip" else ["input_ids", "attention_mask"]
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>", model_input_names=names,
    ).save_pretrained(folder)  # fmt: skip
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    size |= {"num_attention_heads": 2}
    text = {**size, "vocab_size": len(vocab), "max_position_embeddings": 24}
    text |= {"eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
    vision = {**size, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    if request.param == "clip":
        config = transformers.CLIPConfig(
            text_config={**text, "projection_dim": 12},
            vision_config={**vision, "projection_dim": 12}, projection_dim=12,
        )  # fmt: skip
        transformers.CLIPModel(config).save_pretrained(folder)
        transformers.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ).save_pretrained(folder)
    else:
        config = transformers.SiglipConfig(text_config=text, vision_config=vision)
        transformers.SiglipModel(config).save_pretrained(folder)
        transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_model_of_transformers(cmr, pairs, hf_model, tmp_path):
    """The vectors are those that transformers itself gives, item by item."""
    import transformers
    from PIL import Image

    root = tmp_path / "w"
    model = ("--model", f"transformers:{hf_model}", "--model-name", "m")
    cmr("ingest", *pairs, "-w", root, *model, "--batch-size", "4")
    found = vectors(root, "m")
    plain = transformers.AutoModel.from_pretrained(hf_model).eval()
    images = transformers.AutoImageProcessor.from_pretrained(hf_model)
    tokens = transformers.AutoTokenizer.from_pretrained(hf_model)
    for n, scene in enumerate(scenes("test", 6)):
        picture = Image.open(tmp_path / "photos" / f"{n}.png").convert("RGB")
        with torch.inference_mode():
            image = plain.get_image_features(**images(picture, return_tensors="pt"))
            text = plain.get_text_features(
                **tokens([scene.captions[0]], padding="max_length", max_length=24,
                         truncation=True, return_tensors="pt")
            )  # fmt: skip
        for side, key, output in (("visual", f"{n}.png", image), ("text", str(n), text)):
            wanted = output.pooler_output[0].numpy()
            np.testing.assert_allclose(found[side, key], wanted / np.linalg.norm(wanted), atol=1e-5)
    details = settings(root, "visual")["encoder_details"]
    assert details["context_length"] == 24
    assert "image_mean" in details["preprocess"]
    cmr("ingest", *pairs, "-w", tmp_path / "b", *model, "--batch-size", "1")
    for key, vector in vectors(tmp_path / "b", "m").items():
        np.testing.assert_allclose(found[key], vector, atol=1e-5)


@pytest.fixture
def st_model(hf_model, tmp_path):
    """The same as a model with prompts, saved as sentence-transformers saves them."""
    library = pytest.importorskip("sentence_transformers")
    import transformers

    if "clip" not in json.loads((hf_model / "config.json").read_text())["model_type"]:
        pytest.skip("one architecture is enough: the library does the rest")
    plain = tmp_path / "plain"
    transformers.CLIPModel.from_pretrained(hf_model).save_pretrained(plain)
    transformers.CLIPProcessor(
        image_processor=transformers.CLIPImageProcessor.from_pretrained(hf_model),
        tokenizer=transformers.AutoTokenizer.from_pretrained(hf_model),
    ).save_pretrained(plain)
    config = json.loads((plain / "config.json").read_text())
    (plain / "config.json").write_text(json.dumps(config | {"matryoshka_dims": [4, 8]}))
    model = library.SentenceTransformer(
        str(plain), device="cpu", prompts={"query": "a ", "document": ""}
    )
    model.max_seq_length = 24
    model.save_pretrained(str(tmp_path / "st"))
    return tmp_path / "st"


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_a_model_of_sentence_transformers(cmr, pairs, st_model, tmp_path):
    """The vectors are those that the library itself gives to queries and documents."""
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    root = tmp_path / "w"
    model = ("--model", f"sentence-transformers:{st_model}", "--model-name", "m")
    cmr("ingest", *pairs, "-w", root, *model, "--batch-size", "4")
    found = vectors(root, "m")
    plain = SentenceTransformer(str(st_model), device="cpu")
    captions = [scene.captions[0] for scene in scenes("test", 6)]
    pictures = [Image.open(tmp_path / f"photos/{n}.png").convert("RGB") for n in range(6)]
    texts, visuals = plain.encode_query(captions), plain.encode_document(pictures)
    unprompted = plain.encode(captions)
    assert np.abs(texts - unprompted).max() > 0.01
    for n in range(6):
        for key, wanted in ((("text", str(n)), texts[n]), (("visual", f"{n}.png"), visuals[n])):
            np.testing.assert_allclose(found[key], wanted / np.linalg.norm(wanted), atol=1e-5)
    details = settings(root, "text")["encoder_details"]
    assert details["prompts"] == {"query": "a ", "document": ""}
    assert details["matryoshka_dims"] == [4, 8]
    assert details["context_length"] == 24
    # The grid is what the model declares, truncated, unless dimensions are asked for.
    cmr("evaluate", "-w", root, "--protocols", "full", "--precisions", "fp32")
    rows = connect(str(root)).execute("select distinct dim, dim_method from runs order by all")
    assert rows.fetchall() == [(4, "truncate"), (8, "truncate"), (12, "native")]
    # A template takes the place of the model's own prompt.
    cmr("ingest", *pairs, "-w", tmp_path / "b", *model, "--prompt", "{}")
    mine = vectors(tmp_path / "b", "m")
    for n, wanted in enumerate(unprompted):
        np.testing.assert_allclose(mine["text", str(n)], wanted / np.linalg.norm(wanted), atol=1e-5)


@pytest.mark.slow
def test_what_a_model_of_sentence_transformers_must_have(cmr, pairs, st_model, tmp_path):
    """Weights for everything, code of its own only where that is allowed, both modalities."""
    from safetensors.torch import load_file, save_file

    model = ("--model", f"sentence-transformers:{st_model}", "--model-name", "m")
    weights = load_file(st_model / "model.safetensors")
    save_file(
        {name: one for name, one in weights.items() if "text_projection" not in name},
        st_model / "model.safetensors", {"format": "pt"},
    )  # fmt: skip
    refused = cmr("ingest", *pairs, "-w", tmp_path / "w", *model, code=1).stderr
    assert "it lacks weights, which would be random" in refused
    mark = tmp_path / "ran"
    (st_model / "own.py").write_text(f"open({str(mark)!r}, 'w')\nclass Own: pass\n")
    modules = json.loads((st_model / "modules.json").read_text())
    modules[0]["type"] = "own.Own"
    (st_model / "modules.json").write_text(json.dumps(modules))
    cmr("ingest", *pairs, "-w", tmp_path / "w", *model, code=1)
    refused = cmr("ingest", *pairs, "-w", tmp_path / "w", "--model", "scenes-tiny",
                  "--run-remote-code", code=1).stderr  # fmt: skip
    assert "--run-remote-code is only for --model sentence-transformers" in refused
    assert not mark.exists()
    cmr("ingest", *pairs, "-w", tmp_path / "w", *model, "--run-remote-code", code=1)
    assert mark.exists()


def test_models_that_are_not_there(cmr, pairs, tmp_path):
    refused = cmr("ingest", *pairs, "-w", tmp_path / "w", "--model",
                  f"transformers:{tmp_path}", code=1)  # fmt: skip
    assert "cannot load the model" in refused.stderr
    assert refused.stderr.count("\n") == 1
    with pytest.raises(CmrError, match="needs --pretrained"):
        resolve("ViT-B-32", None)


@pytest.mark.slow
def test_a_pickled_checkpoint_is_not_unpickled(cmr, pairs, tmp_path):
    """What a checkpoint would run stays unrun."""
    import pickle

    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"state_dict": Evil()}))
    torch.save({"state_dict": Evil()}, tmp_path / "evil2.pt")
    for name in ("evil.pt", "evil2.pt"):
        refused = cmr("ingest", *pairs, "-w", tmp_path / "w", "--model", "ViT-B-32",
                      "--pretrained", tmp_path / name, code=1)  # fmt: skip
        assert "cannot load the model" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not mark.exists()
