"""Tables as LaTeX (booktabs) and as Markdown."""

from __future__ import annotations

import re

from cmr.report.paper_tables import Cell, PaperTable

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "*": r"$\ast$",
}  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")


def latex(table: PaperTable, lang: str, label: str) -> str:
    """A `table*` environment with booktabs rules; `label` has only letters, digits and -."""
    columns = "l" * table.names + "r" * (len(table.header) - table.names)
    lines = [
        r"% \usepackage{booktabs,textcomp}; other scripts need xelatex or lualatex"
        + (r", Chinese \usepackage{ctex}" if lang == "zh" else ""),
        r"\begin{table*}",
        r"\centering\scriptsize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{latex_text(table.caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        " & ".join(map(latex_text, table.header)) + r" \\",
    ]
    for name, rows in table.parts:
        span = rf"\multicolumn{{{len(table.header)}}}{{@{{}}l}}{{\emph{{{latex_text(name)}}}}} \\"
        lines += [r"\midrule", span]
        lines += [" & ".join(map(_latex_cell, row)) + r" \\" for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\\[2pt] \parbox{{\linewidth}}{{{' '.join(map(latex_text, table.notes))}}}"]
    return "\n".join([*lines, r"\end{table*}", ""])


def latex_text(text: str) -> str:
    """Text escaped for LaTeX; line ends become spaces, control characters are spelled out."""
    return "".join(_LATEX.get(sign, sign) for sign in _printable(text))


def _latex_cell(cell: Cell) -> str:
    text = latex_text(cell.text)
    if cell.best:
        text = rf"\textbf{{{text}}}"
    return text + (rf"\textsuperscript{{{latex_text(cell.mark)}}}" if cell.mark else "")


def markdown(table: PaperTable) -> str:
    """A heading, a pipe table with a row that names each part, and the notes."""
    numbers = len(table.header) - table.names
    lines = [
        f"### {markdown_text(table.caption)}",
        "",
        _pipes(list(map(markdown_text, table.header))),
        _pipes([":--"] * table.names + ["--:"] * numbers),
    ]
    for name, rows in table.parts:
        lines.append(_pipes([f"*{markdown_text(name)}*", *[""] * (len(table.header) - 1)]))
        lines += [_pipes(list(map(_markdown_cell, row))) for row in rows]
    return "\n".join([*lines, "", *(f"{markdown_text(note)}  " for note in table.notes)]) + "\n"


def markdown_text(text: str) -> str:
    """Text escaped for Markdown, also within a table."""
    return _MARKDOWN.sub(r"\\\1", _printable(text))


def _markdown_cell(cell: Cell) -> str:
    text = markdown_text(cell.text)
    if cell.best:
        text = f"**{text}**"
    return text + (f"<sup>{markdown_text(cell.mark)}</sup>" if cell.mark else "")


def _pipes(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _printable(text: str) -> str:
    return "".join(
        sign if sign.isprintable() else " " if sign.isspace() else f"\\x{ord(sign):02x}"
        for sign in text
    )
