"""A board as a page that prints at true scale: PDF, or PNG with its resolution written in.

PDF: ISO 32000-1, the smallest file that holds rectangles and a line of text; PNG: the pHYs chunk, W3C PNG 11.3.5.3.
"""
from __future__ import annotations

import struct
import zlib
from typing import Iterator, Tuple

import cv2
import numpy as np

from jetracer.calibrate.board import Board

A4_MM = (297.0, 210.0)  # landscape
DOTS_PER_MM = 12.0  # 304.8 dpi
_POINTS_PER_MM = 72 / 25.4


def caption(board: Board) -> str:
    return (f"{board.kind} {board.columns}x{board.rows}, squares of {1000 * board.square_m:g} mm. "
            "Print at 100 %, measure one, glue it on something flat.")


def pdf(board: Board) -> bytes:
    """One landscape page, A4 or as large as the board needs."""
    width, height = _page_mm(board)
    lines = ["0 g"]
    for x, y, w, h in _blacks(board):
        lines.append(" ".join(f"{v * _POINTS_PER_MM:.4f}" for v in (x, height - y - h, w, h)) + " re")
    lines.append(f"f BT /F1 9 Tf {10 * _POINTS_PER_MM:.1f} {5 * _POINTS_PER_MM:.1f} Td ({caption(board)}) Tj ET")
    content = "\n".join(lines).encode("ascii")
    box = f"[0 0 {width * _POINTS_PER_MM:.3f} {height * _POINTS_PER_MM:.3f}]"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/ViewerPreferences<</PrintScaling/None>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox{box}/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>".encode("ascii"),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    return _pdf_file(objects)


def png(board: Board) -> bytes:
    """The same page as a picture of 304.8 dots per inch."""
    width, height = _page_mm(board)
    image = np.full((round(height * DOTS_PER_MM), round(width * DOTS_PER_MM)), 255, np.uint8)
    for x, y, w, h in _blacks(board):
        left, top, right, low = (round(v * DOTS_PER_MM) for v in (x, y, x + w, y + h))
        image[top:low, left:right] = 0
    place = (round(10 * DOTS_PER_MM), image.shape[0] - round(5 * DOTS_PER_MM))
    cv2.putText(image, caption(board), place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 2, cv2.LINE_AA)
    data = cv2.imencode(".png", image)[1].tobytes()
    dots_per_m = round(1000 * DOTS_PER_MM)
    body = b"pHYs" + struct.pack(">IIB", dots_per_m, dots_per_m, 1)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]  # after the signature and IHDR, which take 33 bytes


def _page_mm(board: Board) -> Tuple[float, float]:
    width, height = (1000 * size for size in board.size_m)
    return max(A4_MM[0], width + 20), max(A4_MM[1], height + 30)


def _blacks(board: Board) -> Iterator[Tuple[float, float, float, float]]:
    """(x, y, width, height) in mm from the page's top left corner, of all that is black: runs along the rows."""
    raster = board.raster()
    page, size = _page_mm(board), [1000 * side for side in board.size_m]
    left, top = ((whole - part) / 2 for whole, part in zip(page, size))
    cell = size[0] / raster.shape[1]
    for row, line in enumerate(raster < 128):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for begin, end in zip(edges[::2], edges[1::2]):
            yield left + begin * cell, top + row * cell, (end - begin) * cell, cell


def _pdf_file(objects: list) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, len(objects) + 1, len(out))
