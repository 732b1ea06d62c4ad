"""A profile on one page that needs nothing else: what each layer costs, and how long each operator takes, as bars."""
from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple, Union

from jetracer.core.config import write_text

_STYLE = """
  body { font: 15px/1.45 system-ui, sans-serif; color: #2c323c; background: #f6f8fa; margin: 0 auto; padding: 2rem;
         max-width: 1180px; }
  h1 { font-size: 1.2rem; margin: 0; overflow-wrap: anywhere; } h1 small { font-weight: normal; color: #6b7480; }
  h2 { font-size: 1rem; margin: 2rem 0 .2rem; } p { margin: .2rem 0 .6rem; color: #6b7480; }
  .facts { display: flex; flex-wrap: wrap; gap: 2.2rem; margin: 1.4rem 0; } .facts span { color: #6b7480; }
  .facts b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
  table { border-collapse: collapse; width: 100%; background: #fff; font-size: 13px; }
  th { text-align: left; font-weight: 600; color: #6b7480; } th, td { padding: .22rem .6rem; white-space: nowrap; }
  tr + tr td { border-top: 1px solid #eef1f4; } td.name { overflow: hidden; text-overflow: ellipsis; max-width: 300px; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; } td.bar { width: 22%; } svg { display: block; }
  td.words { white-space: normal; color: #6b7480; }
"""
_MACS, _BYTES, _PREDICTED, _MEASURED = "#1e5cb4", "#c07a1e", "#9aa5b4", "#2e8b57"
_BAR_PX = 12


def write_profile(result: Dict[str, Any], folder: Union[str, Path]) -> Path:
    """Write `folder`/index.html from what `profile_model` gives. Raises ConfigError where it cannot be written."""
    page = Path(folder).expanduser() / "index.html"
    name = escape(Path(result["model"]).name)
    parts = ['<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
             f"<title>{name}</title>\n<style>{_STYLE}</style>",
             f"<h1>{name} <small>jetracer profile</small></h1>", _facts(result), _devices(result), _layers(result),
             _operators(result), _notes(result), "</html>\n"]
    write_text(page, "\n".join(part for part in parts if part))
    return page


def _facts(result: Dict[str, Any]) -> str:
    facts = [("parameters", _short(result["params"])), ("MACs", _short(result["macs"])),
             ("FLOPs", _short(result["flops"])), ("bytes moved", _short(result["bytes"])),
             ("bytes of the file", _short(result["size_bytes"]))]
    if result["latency_ms"]:
        facts.append((f"ms measured here, p99 {result['latency_ms']['p99']:.2f}", f"{result['latency_ms']['p50']:.2f}"))
    if result["predicted_ms"].get("cpu"):
        facts.append(("ms predicted for here", f"{result['predicted_ms']['cpu']:.2f}"))
    shown = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in facts)
    return f'<div class="facts">{shown}</div>'


def _devices(result: Dict[str, Any]) -> str:
    found = [(name, told) for name, told in result["predictions"].items() if name != "cpu"]
    if not found:
        return ""
    longest = max((told["ms"] for _, told in found if told["ms"]), default=1.0)
    rows = []
    for name, told in found:
        figure = f"{told['ms']:.3f} ms, {told['precision'].upper()}" if told["ms"] is not None else "-"
        bar = _bars([(told["ms"], longest, _PREDICTED)])
        rows.append(_row([("name", escape(name)), ("number", figure), ("bar", bar), ("words", escape(told["why"]))]))
    return _table("On a Jetson, at least", "A lower bound from published peak rates: prediction, not measured.",
                  ["device", "at least", "", "why"], rows)


def _layers(result: Dict[str, Any]) -> str:
    layers = result["layers"]
    macs, moved = (max((layer[key] for layer in layers), default=1) for key in ("macs", "bytes"))
    rows = [_row([("name", escape(layer["name"])), ("", escape(layer["op"])), ("", _shape(layer["shape"])),
                  ("number", _short(layer["params"])), ("number", _short(layer["macs"])),
                  ("bar", _bars([(layer["macs"], macs, _MACS)])), ("number", _short(layer["bytes"])),
                  ("bar", _bars([(layer["bytes"], moved, _BYTES)]))]) for layer in layers]
    return _table("Layers of the file", "Multiply-accumulates, and bytes read and written.",
                  ["layer", "operator", "output", "params", "MACs", "", "bytes", ""], rows)


def _operators(result: Dict[str, Any]) -> str:
    kinds = [(key, word, color) for key, word, color in (
        ("measured_us", "measured", _MEASURED), ("predicted_us", "predicted", _PREDICTED))
        if any(key in row for row in result["operators"])]
    if not kinds:
        return ""
    longest = max(row.get(key, 0.0) for row in result["operators"] for key, _, _ in kinds)
    rows = [_row([("name", escape(row["name"])), ("", escape(row["op"])),
                  *(("number", f"{row.get(key, 0.0):.1f}") for key, _, _ in kinds),
                  ("bar", _bars([(row.get(key, 0.0), longest, color) for key, _, color in kinds]))])
            for row in result["operators"]]
    words = " and ".join(f'<span style="color:{color}">{word}</span>' for _, word, color in kinds)
    return _table("Operators as ONNX Runtime runs them here", f"Microseconds, one thread: {words}.",
                  ["operator", "kind", *(f"{word} µs" for _, word, _ in kinds), ""], rows)


def _notes(result: Dict[str, Any]) -> str:
    return "".join(f"<p>Note: {escape(note)}</p>" for note in result["notes"])


def _table(title: str, words: str, head: Sequence[str], rows: List[str]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<h2>{title}</h2><p>{words}</p><table><tr>{top}</tr>{''.join(rows)}</table>"


def _row(cells: Sequence[Tuple[str, str]]) -> str:
    return "<tr>" + "".join(f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>" for kind, text in cells
                            ) + "</tr>\n"


def _bars(values: Sequence[Tuple[Any, float, str]]) -> str:
    """One bar below another, each (value, the whole width, colour)."""
    each = _BAR_PX // len(values)
    drawn = "".join(f'<rect y="{number * each}" width="{100 * (value or 0) / max(whole, 1e-12):.2f}%" '
                    f'height="{each - 1}" fill="{color}"/>' for number, (value, whole, color) in enumerate(values))
    return f'<svg width="100%" height="{_BAR_PX}" role="img">{drawn}</svg>'


def _shape(shape: Any) -> str:
    return "×".join(map(str, shape)) if shape else "?" if shape is None else "1"


def _short(value: float) -> str:
    """1234567 -> "1.23 M"."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:g}"
