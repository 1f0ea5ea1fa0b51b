"""Papers as PDF with an embedded Chinese font (Noto Sans SC, OFL; only the glyphs used go into a file)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from django.http import HttpResponse
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONT = "NotoSansSC"
FILE = Path(__file__).resolve().parent / "data" / "NotoSansSC-Regular-gb2312.ttf"
MARGIN = 22 * mm
LINE = 7 * mm


@lru_cache(maxsize=1)
def _font() -> TTFont:
    font = TTFont(FONT, str(FILE))
    pdfmetrics.registerFont(font)
    return font


def printable(text: str) -> str:
    """Replace characters that the font does not have, so that a paper never shows an empty box unnoticed."""
    known = _font().face.charToGlyph
    return "".join(c if ord(c) in known or c == "\n" else "＊" for c in text)


class Paper:
    """A paper that is filled from top to bottom, over as many pages as it needs."""

    def __init__(self, title: str, band: str = "") -> None:
        _font()
        self.buffer = io.BytesIO()
        self.canvas = Canvas(self.buffer, pagesize=A4)
        self.canvas.setTitle(title)
        self.band = printable(band)
        self.width = A4[0] - 2 * MARGIN
        self.y = 0.0
        self._page()
        self.line(title, size=18, gap=1.6)

    def _page(self) -> None:
        self.y = A4[1] - MARGIN
        if self.band:
            self.canvas.setFont(FONT, 11)
            self.canvas.drawCentredString(A4[0] / 2, A4[1] - 12 * mm, self.band)

    def _headroom(self, height: float) -> None:
        if self.y - height < MARGIN:
            self.canvas.showPage()
            self._page()

    def line(self, text: str, *, size: float = 11, gap: float = 1.0) -> None:
        """Write a line; a long one is broken."""
        for part in simpleSplit(printable(text), FONT, size, self.width) or [""]:
            self._headroom(LINE)
            self.canvas.setFont(FONT, size)
            self.canvas.drawString(MARGIN, self.y, part)
            self.y -= LINE * gap

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write terms with their values."""
        for term, value in rows:
            self.line(f"{term}：{value}")

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[float]) -> None:
        """Write a table; ``widths`` are parts of the width, the last column is set to the right."""
        for number, row in enumerate((headers, *rows)):
            cells = [
                simpleSplit(printable(str(cell)), FONT, 10, self.width * part - 4) or [""]
                for cell, part in zip(row, widths, strict=True)
            ]
            height = max(len(cell) for cell in cells) * 5 * mm + 2 * mm
            self._headroom(height)
            self.canvas.setFont(FONT, 10)
            x = MARGIN
            for place, (cell, part) in enumerate(zip(cells, widths, strict=True)):
                for index, text in enumerate(cell):
                    y = self.y - index * 5 * mm
                    if place == len(widths) - 1:
                        self.canvas.drawRightString(x + self.width * part, y, text)
                    else:
                        self.canvas.drawString(x, y, text)
                x += self.width * part
            self.y -= height
            if number == 0:
                self.canvas.line(MARGIN, self.y + 4 * mm, MARGIN + self.width, self.y + 4 * mm)

    def space(self) -> None:
        """Leave a line free."""
        self.y -= LINE

    def done(self) -> bytes:
        """Return the file."""
        self.canvas.save()
        return self.buffer.getvalue()


def response(data: bytes, name: str) -> HttpResponse:
    """Answer with a PDF to be kept."""
    made = HttpResponse(data, content_type="application/pdf")
    made["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    made["Cache-Control"] = "private, no-store"
    return made
