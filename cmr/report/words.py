"""The words of plots, by language; a third language is one more entry."""

from __future__ import annotations

from cmr.errors import CmrError

WORDS = {
    "en": {
        "recall": "Recall@10",
        "mrr": "MRR",
        "ndcg": "NDCG@10",
        "lift": "Recall@10 / chance",
        "candidates": "candidates C",
        "t2v": "text to visual",
        "v2t": "visual to text",
        "full": "whole gallery",
        "expected": "expected over random pools",
        "sampled": "sampled pools",
        "band": "band: 95% interval, clustered by visual item",
    },
    "zh": {
        "recall": "召回率 Recall@10",
        "mrr": "平均倒数排名 MRR",
        "ndcg": "NDCG@10",
        "lift": "Recall@10 相对随机水平的倍数",
        "candidates": "候选数 C",
        "t2v": "文本检索视觉",
        "v2t": "视觉检索文本",
        "full": "完整库",
        "expected": "随机候选池的精确期望",
        "sampled": "抽样候选池",
        "band": "色带：95% 置信区间，按视觉样本聚类",
    },
}
# Fonts that hold Chinese, as distributions and systems name them.
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Heiti SC",
    "Microsoft YaHei",
    "SimHei",
)


def words(lang: str) -> dict[str, str]:
    """The catalogue of a language. Raises CmrError if there is none."""
    if lang not in WORDS:
        raise CmrError(f"there is no language {lang!r}; there are {', '.join(WORDS)}")
    return WORDS[lang]


def font_for(lang: str) -> list[str]:
    """Font families for a language's plots, first choice first.

    Raises CmrError, saying what to install, if none that holds its signs is there.
    """
    plain = ["DejaVu Sans"]
    if lang != "zh":
        return plain
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    found = [name for name in CJK_FONTS if name in installed]
    if not found:
        # The list is cached between runs, so a font just installed may be missing from it.
        fresh = {
            font_manager.get_font(path).family_name
            for path in font_manager.findSystemFonts()
            if "cjk" in path.lower() or "hei" in path.lower() or "han" in path.lower()
        }
        found = [name for name in CJK_FONTS if name in fresh]
        for path in font_manager.findSystemFonts() if found else []:
            if font_manager.get_font(path).family_name == found[0]:
                font_manager.fontManager.addfont(path)
    if not found:
        raise CmrError(
            "no font with Chinese signs is installed; install one, such as the package "
            "fonts-noto-cjk or google-noto-sans-cjk-fonts"
        )
    return [*found[:1], *plain]
