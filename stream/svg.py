"""A picture as plain SVG, readable where the reader's colours are light and where they are dark.

What it shows is there in words too, for who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

INK, FAINT = ("#0550ae", "#79b8ff"), ("#d8dee4", "#343b44")
"""Colours of what is shown and of what it is shown on: where all is light, and where it is dark."""


def picture(
    title: str,
    note: str,
    words: str,
    size: tuple[int, int],
    styles: Sequence[Sequence[str]],
    parts: Sequence[str],
) -> str:
    """Return the text of a file.

    Parameters
    ----------
    title, note : str
        Above the picture, one under the other.
    words : str
        All that it shows.
    size : (int, int)
        Width and height, pixels.
    styles : sequence of (str, str)
        Of the parts' classes, beside ``title`` and ``small``: a rule where all is light, and one
        where it is dark.
    parts : sequence of str
        Elements, from the title down; texts in them are escaped.
    """
    width, height = size
    light, dark = (" ".join(each[at] for each in styles) for at in (0, 1))
    measures = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    labels = 'role="img" aria-labelledby="title description"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {measures} {labels}>',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(words)}</desc>',
        "<style>",
        ".back { fill: #ffffff } text { fill: #1c1e21; font: 12px system-ui, sans-serif }",
        ".title { font-size: 15px; font-weight: 600 } .small { fill: #57606a; font-size: 11px }",
        light,
        "@media (prefers-color-scheme: dark) {",
        ".back { fill: #14171c } text { fill: #e6e8eb } .small { fill: #9aa4af }",
        dark,
        "}",
        "</style>",
        f'<rect class="back" width="{width}" height="{height}"/>',
        f'<text class="title" x="12" y="24">{escape(title)}</text>',
        f'<text class="small" x="12" y="42">{escape(note)}</text>',
    )
    return "\n".join([*head, *parts, "</svg>", ""])
