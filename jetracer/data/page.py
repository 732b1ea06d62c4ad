"""One HTML page that needs nothing else: figures, advice, plots, lists."""
from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import Any, NamedTuple, Sequence, Tuple

import cv2
import numpy as np

from jetracer.core.config import write_bytes, write_text

TEMPLATE = Path(__file__).with_name("page.html")
LISTED = 200  # lines of a list; the rest is counted


class Plot(NamedTuple):
    """`wide`: across the whole page."""

    name: str
    title: str
    image: np.ndarray
    wide: bool = False


def write_page(folder: Path, title: str, subtitle: str, facts: Sequence[Tuple[str, Any]], advice: Sequence[str],
               plots: Sequence[Plot], lists: Sequence[Tuple[str, Sequence[str]]]) -> Path:
    """Write `folder`/index.html, and each plot beside it as a PNG file; returns the page's path.

    Raises ConfigError where it cannot be written.
    """
    for plot in plots:
        write_bytes(folder / f"{plot.name}.png", _png(plot.image))
    values = {
        "title": html.escape(title),
        "subtitle": html.escape(subtitle),
        "facts": "".join(f"<div><b>{html.escape(str(value))}</b><span>{html.escape(name)}</span></div>"
                         for name, value in facts),
        "advice": "".join(f"<li>{html.escape(line)}</li>" for line in advice),
        "plots": "".join(map(_figure, plots)),
        "lists": "".join(_list(name, lines) for name, lines in lists if lines),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"<!--{name}-->", value)
    page = folder / "index.html"
    write_text(page, text)
    return page


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def _figure(plot: Plot) -> str:
    data = base64.b64encode(_png(plot.image)).decode()
    wide = ' class="wide"' if plot.wide else ""
    return (f'<figure{wide}><figcaption>{html.escape(plot.title)}</figcaption>'
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(plot.title)}"></figure>')


def _list(title: str, lines: Sequence[str]) -> str:
    rows = "".join(f"<li>{html.escape(line)}</li>" for line in lines[:LISTED])
    more = f"<li>and {len(lines) - LISTED} more</li>" if len(lines) > LISTED else ""
    return f"<details><summary>{html.escape(title)}: {len(lines)}</summary><ul>{rows}{more}</ul></details>"
