"""Models of sentence-transformers that take clips whole: their vectors, and what is recorded."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from cmr.encode.encoder import Media
from cmr.encode.frame_choice import read_clip
from cmr.encode.models import resolve
from cmr.encode.sentencetransformers import as_video, takes_video
from cmr.views import connect
from tests.clips import make_clip
from tests.conftest import TOY

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200)]
SPECIAL = ["<|end|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
           "<|image_pad|>", "<|video_pad|>"]  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>{% endfor %}"
)


def save_qwen(folder):
    """A small Qwen3-VL with its processor, as transformers saves them."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers.models import qwen3_vl

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {one: n for n, one in enumerate([*SPECIAL, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pixels = {"patch_size": 4, "temporal_patch_size": 2, "merge_size": 2}
    small = {"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    qwen3_vl.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(size=small, **pixels),
        tokenizer=transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<|end|>", eos_token="<|im_end|>",
            additional_special_tokens=SPECIAL, model_max_length=4096,
        ),
        video_processor=qwen3_vl.Qwen3VLVideoProcessor(size=small, **pixels),
        chat_template=TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True}
    text = {
        "vocab_size": len(vocab), "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "max_position_embeddings": 4096, "rope_parameters": rope | {"rope_theta": 10000.0},
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
        "temporal_patch_size": 2, "spatial_merge_size": 2, "out_hidden_size": 32,
        "num_position_embeddings": 64, "deepstack_visual_indexes": [0],
    }  # fmt: skip
    torch.manual_seed(0)
    config = qwen3_vl.Qwen3VLConfig(
        text_config=text, vision_config=vision, matryoshka_dims=[8, 16],
        image_token_id=5, video_token_id=6, vision_start_token_id=3, vision_end_token_id=4,
    )  # fmt: skip
    qwen3_vl.Qwen3VLModel(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """The same with prompts and a projection, as sentence-transformers saves them."""
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    plain, folder = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("qwen")
    save_qwen(plain)
    first = Transformer(str(plain))
    parts = [first, Pooling(32, "lasttoken"), Dense(32, 24, activation_function=torch.nn.Tanh())]
    prompts = {"query": "Find it. ", "document": "Keep it. "}
    library.SentenceTransformer(modules=parts, device="cpu", prompts=prompts).save_pretrained(
        str(folder)
    )
    return folder


@pytest.fixture
def clips(tmp_path):
    """Five clips of different lengths with a caption each, as a source's arguments."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for n, colour in enumerate(COLOURS):
        frames = [colour] * 4 + COLOURS[: n + 1] * 2
        (folder / f"v{n}.mp4").write_bytes(make_clip(frames))
    table = tmp_path / "captions.csv"
    captions = [*(f"a clip of {n}" for n in range(4)), "https://example.org/a.mp4"]
    table.write_text("video,caption\n" + "".join(f"v{n},{one}\n" for n, one in enumerate(captions)))
    return ("video", "--captions", table, "--clips", folder)


def stored(root, modality):
    rows = connect(str(root)).execute(
        "select item_id, vector from embeddings where modality = ? and dim_method = 'native' "
        "order by item_id", [modality],
    )  # fmt: skip
    return np.array([vector for _, vector in rows.fetchall()])


def settings(root):
    query = "select settings from embedding_sets where modality = 'visual' and parent is null"
    return json.loads(connect(str(root)).execute(query).fetchone()[0])


def unit(vectors):
    found = np.asarray(vectors, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def of(model, name="m"):
    return ("--model", f"sentence-transformers:{model}", "--model-name", name)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_clip_is_one_video(cmr, qwen, clips, tmp_path, precision):
    """The vectors are those of the library's own call for the same frames and times."""
    from sentence_transformers import SentenceTransformer

    root = tmp_path / "w"
    asked = ("-w", root, "--frames", "4", "--precision", precision)
    assert "weights" not in cmr("ingest", *clips, *of(qwen), *asked).stderr
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    plain = SentenceTransformer(str(qwen), device="cpu", model_kwargs={"dtype": dtype})
    videos = []
    for n in range(5):
        clip = read_clip((clips[-1] / f"v{n}.mp4").read_bytes(), 4, "uniform")
        # Frames are a tenth of a second apart, in a stream that states 10 a second.
        assert clip.rate == pytest.approx(10, rel=0.15)
        places = [round(time * clip.rate) for time in clip.times]
        said = {"fps": clip.rate, "frames_indices": places, "duration": clip.duration}
        said["total_num_frames"] = max(round(clip.duration * clip.rate), places[-1] + 1)
        videos.append({"array": clip.frames, "video_metadata": said})
    given = {"processing_kwargs": {"video": {"do_sample_frames": False}}}
    wanted = unit(plain.encode_document(videos, **given))
    np.testing.assert_allclose(stored(root, "visual"), wanted, atol=1e-6)
    captions = [*(f"a clip of {n}" for n in range(4)), "https://example.org/a.mp4"]
    texts = unit(plain.encode_query([{"text": one} for one in captions]))
    np.testing.assert_allclose(stored(root, "text"), texts, atol=1e-6)
    told = settings(root)
    assert told["precision"] == precision
    assert told["pooling"] == "the model's, of the frames as one video"
    assert (told["frames"], told["sampling"]) == ("4", "uniform")
    assert "average rate" in told["times"]
    assert told["encoder_details"]["modalities"] == ["image", "message", "text", "video"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_answer")
def test_frames_or_whole(cmr, qwen, clips, tmp_path):
    """Frames are encoded one by one where that is asked; the dimensions declared are the grid."""
    from sentence_transformers import SentenceTransformer

    root = tmp_path / "w"
    cmr("ingest", *clips, *of(qwen), "-w", root, "--frames", "4", "--clips-as", "frames")
    plain = SentenceTransformer(str(qwen), device="cpu")
    for n, vector in enumerate(stored(root, "visual")):
        frames = read_clip((clips[-1] / f"v{n}.mp4").read_bytes(), 4, "uniform").frames
        wanted = unit(plain.encode_document(frames)).mean(0, keepdims=True)
        np.testing.assert_allclose(vector, unit(wanted)[0], atol=1e-6)
    assert settings(root)["pooling"] == "mean of unit vectors"
    refused = cmr("ingest", *clips, *of(qwen), "-w", root, "--frames", "4", code=1).stderr
    assert "choose another --model-name" in refused
    whole = ("--sampling", "fps", "--rate", "2.5", "--clips-as", "whole", "--dataset", "b")
    cmr("ingest", *clips, *of(qwen), "-w", tmp_path / "b", *whole)
    told = settings(tmp_path / "b")
    assert (told["rate"], told["sampling"], told["frames"]) == ("2.5 a second", "fps", "12")
    cmr("evaluate", "-w", tmp_path / "b", "--protocols", "full", "--precisions", "fp32")
    shown = cmr("runs", "show", "dim=24,direction=t2v", "-w", tmp_path / "b").stdout
    assert "2.5 a second" in shown
    assert "of the frames as one video" in shown
    rows = connect(str(tmp_path / "b")).execute("select distinct dim, dim_method from runs")
    assert sorted(rows.fetchall()) == [(8, "truncate"), (16, "truncate"), (24, "native")]


@pytest.mark.slow
def test_what_does_not_go_together(cmr, qwen, clips, tmp_path):
    root = tmp_path / "w"
    for asked, said in (
        ((*TOY, "--clips-as", "whole"), "the model scenes-tiny takes no video"),
        ((*of(qwen), "--keep-frames"), "--clips-as frames encodes frames"),
        ((*of(qwen), "--rate", "2"), "--rate is of --sampling fps"),
    ):
        refused = cmr("ingest", *clips, *asked, "-w", root, code=1).stderr
        assert said in refused
        assert refused.count("\n") == 1
    assert not root.exists()


def declaring(model, folder, *left_out):
    """A copy of a model that declares all its modalities but these."""
    shutil.copytree(model, folder)
    path = folder / "sentence_bert_config.json"
    said = json.loads(path.read_text())
    for one in left_out:
        del said["modality_config"][one]
    path.write_text(json.dumps(said))
    return folder


@pytest.mark.slow
def test_what_a_model_declares(qwen, tmp_path):
    def found(folder):
        return takes_video(resolve(f"sentence-transformers:{folder}", None))

    assert found(qwen) is True
    assert found(declaring(qwen, tmp_path / "a", "video")) is False
    undeclared = declaring(qwen, tmp_path / "b")
    (undeclared / "sentence_bert_config.json").write_text("{}")
    assert found(undeclared) is True
    (undeclared / "processor_config.json").unlink()
    assert found(undeclared) is None
    assert found(tmp_path / "nowhere") is None


@pytest.mark.slow
def test_a_model_that_takes_no_video(cmr, qwen, clips, tmp_path):
    model, root = declaring(qwen, tmp_path / "model", "video"), tmp_path / "w"
    refused = cmr("ingest", *clips, *of(model), "-w", root, "--clips-as", "whole", code=1).stderr
    assert "the model m takes no video; add --clips-as frames" in refused
    assert not root.exists()
    cmr("ingest", *clips, *of(model), "-w", root)
    assert settings(root)["pooling"] == "mean of unit vectors"


@pytest.mark.slow
def test_a_model_whose_files_do_not_tell(cmr, qwen, clips, tmp_path, monkeypatch):
    """Loaded, it turns out to take video: what was to be the default is not changed in silence."""
    monkeypatch.setattr("cmr.encode.sentencetransformers._json", lambda *_: None)
    root = tmp_path / "w"
    refused = cmr("ingest", *clips, *of(qwen), "-w", root, code=1).stderr
    assert (
        "takes video, which its files did not tell before it was loaded; say --clips-as" in refused
    )
    assert not list(root.rglob("*.parquet"))
    cmr("ingest", *clips, *of(qwen), "-w", root, "--clips-as", "whole")
    assert settings(root)["pooling"] == "the model's, of the frames as one video"


@pytest.mark.slow
def test_a_model_of_texts_and_clips_alone(cmr, qwen, clips, tmp_path):
    model, root = declaring(qwen, tmp_path / "model", "image"), tmp_path / "w"
    refused = cmr("ingest", *clips, *of(model), "-w", root, "--clips-as", "frames", code=1)
    assert "takes no image" in refused.stderr
    cmr("ingest", *clips, *of(model), "-w", root)
    assert stored(root, "visual").shape == (5, 24)


def test_frames_that_are_few_or_of_several_sizes():
    one, other = (torch.full((4, side, 3), 7, dtype=torch.uint8) for side in (6, 8))
    alone = as_video(Media([one], [0.5], 2.0, 10.0), 2)
    assert alone["array"].shape == (2, 4, 6, 3)
    assert alone["video_metadata"] == {
        "fps": 10.0, "total_num_frames": 20, "duration": 2.0, "frames_indices": [5, 5]
    }  # fmt: skip
    both = as_video(Media([one, other], [0.0, 2.0], 2.0, 10.0), 2)
    assert both["array"].shape == (2, 4, 6, 3)
    assert both["video_metadata"]["total_num_frames"] == 21


def rejects(root):
    rows = connect(str(root)).execute("select source_row, reason from rejects order by all")
    return rows.fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["whole", "frames"])
def test_a_clip_that_the_processor_refuses(cmr, qwen, clips, tmp_path, way):
    """It is rejected alone, whatever batch it is in, and the others' vectors are unchanged."""
    root, folder = tmp_path / "w", clips[-1]
    asked = ("-w", root, "--frames", "4", "--clips-as", way, "--batch-size", "3")
    cmr("ingest", *clips, *of(qwen), *asked, "--dataset", "a")
    plain = stored(root, "visual")
    (folder / "thin.mp4").write_bytes(make_clip(COLOURS, size=(1600, 4)))
    with (tmp_path / "captions.csv").open("a") as file:
        file.write("thin,a thin one\n")
    few = cmr("ingest", *clips, *of(qwen), *asked, "--dataset", "b", code=1).stderr
    assert "thin.mp4: cannot be prepared for the model: absolute aspect ratio" in few
    for where in (root, tmp_path / "apart"):
        again = ("-w", where, *asked[2:], "--max-rejects", "0.2")
        cmr("ingest", *clips, *of(qwen), *again, "--dataset", "a")
        assert [name for name, _ in rejects(where)] == ["thin.mp4"]
        np.testing.assert_allclose(stored(where, "visual"), plain, atol=1e-6)


@pytest.mark.slow
def test_pictures_that_the_processor_refuses(cmr, qwen, tmp_path):
    from PIL import Image

    for name, size in {"a": (40, 30), "thin": (3000, 1), "b": (64, 64), "tall": (2, 900)}.items():
        Image.new("RGB", size, COLOURS[0]).save(tmp_path / f"{name}.png")
    table, root = tmp_path / "captions.csv", tmp_path / "w"
    rows = "".join(f"{name}.png,a {name}\n" for name in ("a", "thin", "b", "tall"))
    table.write_text("image,caption\n" + rows)
    source = ("pairs", table, "--images", tmp_path, *of(qwen))
    cmr("ingest", *source, "-w", root, "--max-rejects", "0.5")
    assert [name for name, _ in rejects(root)] == ["tall.png", "thin.png"]
    assert stored(root, "visual").shape == (2, 24)
    assert stored(root, "text").shape == (2, 24)
    table.write_text("image,caption\nthin.png,a\ntall.png,b\n")
    none = (*source, "-w", tmp_path / "none")
    said = cmr("ingest", *none, "--max-rejects", "1", code=1).stderr
    assert "no picture could be read" in said
    assert not (tmp_path / "none").exists()
