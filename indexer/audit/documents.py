"""A report for readers: one page of HTML that needs nothing else, and the same as PDF."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from indexer.audit import plots, tables
from indexer.audit.period import Audit

CURVES = 24
"""Epochs whose clearing curve is drawn, the first of the period; the tables hold all of them."""

_IN_PDF = {
    "epochs": ("market", "epoch", "state", "reference", "price", "volume", "revealed", "invalid", "fees", "problems"),
    "orders": ("market", "epoch", "slot", "owner", "credential", "side", "quantity", "limit", "fill", "price", "fee"),
    "checks": ("market", "epoch", "check", "holds", "says"),
    "refusals": ("kind", "market", "epoch", "subject", "why"),
    "keys": ("kind", "version", "account", "epochs", "held"),
}
_REFERENCE = ("block", "tx", "log_index")
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=5.5, leading=6.5, wordWrap="CJK")
_WIDE = {"tx", "owner", "says", "why", "subject", "account"}


def title(audit: Audit) -> str:
    return f"Audit of blocks {audit.period.after + 1} to {audit.period.last}"


def facts(audit: Audit) -> dict[str, str]:
    """What the report is of, and what came out, for its head."""
    record, examined = audit.record, audit.examined
    block_hash, time = record.index.hash_and_time(audit.period.last)
    return {
        "Chain": str(record.deployment.chain_id),
        "Pool": record.deployment.contracts["Pool"],
        "Last block": f"{audit.period.last}, {block_hash}",
        "Its time": f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "Settled epochs": str(len(examined)),
        "Orders": str(sum(len(one.lines) for one in examined)),
        "Fills worked out again": str(audit.fills),
        "What does not hold": str(len(audit.problems)),
    }


def figures(audit: Audit) -> dict[str, plots.Draw]:
    """Every plot by its name, if anything was settled."""
    if not audit.examined:
        return {}
    found = {"prices": plots.prices(audit.examined), "fees": plots.fees(audit.examined)}
    return found | {f"curve {one.market}-{one.epoch}": plots.curve(one) for one in audit.examined[:CURVES]}


def html(audit: Audit) -> bytes:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["cell"] = _cell
    page = environment.get_template("report.html.j2").render(
        title=title(audit), facts=facts(audit), problems=audit.problems,
        plots={name: _inline(plots.svg(draw)) for name, draw in figures(audit).items()},
        tables=[(name, list(tables.schema(name)), rows) for name, rows in audit.tables.rows.items()],
    )  # fmt: skip
    return page.encode()


def _inline(svg: bytes) -> str:
    """An SVG as a part of a page, without what a file of its own begins with."""
    return re.sub(r"^.*?(?=<svg)", "", svg.decode(), count=1, flags=re.DOTALL)


def pdf(audit: Audit) -> bytes:
    """A4, the same bytes every time: no time and no random name is in it."""
    sink, styles = io.BytesIO(), getSampleStyleSheet()
    page = SimpleDocTemplate(
        sink, pagesize=landscape(A4), invariant=1, title=title(audit), author="Shadowpool auditor",
        leftMargin=12 * mm, rightMargin=12 * mm, topMargin=12 * mm, bottomMargin=12 * mm,
    )  # fmt: skip
    story: list[Flowable] = [Paragraph(title(audit), styles["Title"])]
    story += [Paragraph(f"<b>{name}</b>: {escape(value)}", styles["BodyText"]) for name, value in facts(audit).items()]
    story += [Paragraph(f'<font color="#a4161a">{escape(one)}</font>', styles["BodyText"]) for one in audit.problems]
    for draw in figures(audit).values():
        width = plots.SIZE[0] * 25.4 * mm
        story.append(Image(io.BytesIO(plots.png(draw)), width, width * plots.SIZE[1] / plots.SIZE[0]))
    for name, rows in audit.tables.rows.items():
        story += [Spacer(0, 6 * mm), Paragraph(f"{name} ({len(rows)})", styles["Heading2"])]
        story += [_table(name, rows, page.width)] if rows else []
    page.build(story, onFirstPage=_footer, onLaterPages=_footer)
    return sink.getvalue()


def _table(name: str, rows: list[tables.Row], width: float) -> LongTable:
    columns = [*_IN_PDF[name], *_REFERENCE]
    shares = [4 if column in _WIDE else 1 for column in columns]
    cells = [[Paragraph(f"<b>{column}</b>", _BODY) for column in columns]]
    cells += [[Paragraph(escape(_cell(row[column])), _BODY) for column in columns] for row in rows]
    table = LongTable(cells, [width * share / sum(shares) for share in shares], repeatRows=1)
    table.setStyle(TableStyle([
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey), ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    ]))  # fmt: skip
    return table


def _footer(canvas, page) -> None:
    canvas.setFont("Helvetica", 7)
    canvas.drawString(12 * mm, 6 * mm, f"{page.title}, page {canvas.getPageNumber()}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
