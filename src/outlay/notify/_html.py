"""A message as HTML that mail programs show: tables, styles on the elements, no pictures to load, no scripts.

The chart is a table of coloured cells. Pictures are blocked until someone allows them, SVG is dropped by Gmail and
Outlook, and Outlook's Windows version (which is Word) knows the height of a cell and of nothing else.
"""

from __future__ import annotations

from html import escape

from outlay.core.message import Message, Severity
from outlay.core.money import shown
from outlay.notify._words import CHART_DAYS, WORDS, cut, facts, footnote, height, line, paragraphs, where

CHART_HEIGHT = 64  # pixels
# Gmail cuts off what passes 102 KB.
TEXT_MAX = 8000
FACTS_MAX = 40
FACT_MAX = 300

_COLORS: dict[Severity, str] = {
    "critical": "#c62828",
    "warning": "#b45309",
    "resolved": "#2e7d32",
    "info": "#1565c0",
}
_ON_DARK: dict[Severity, str] = {
    "critical": "#ff8a80",
    "warning": "#ffb74d",
    "resolved": "#81c784",
    "info": "#64b5f6",
}
_FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_TABLE = 'role="presentation" cellpadding="0" cellspacing="0" border="0"'

# Programs that know dark colours take these; Gmail and Outlook turn light ones by themselves.
_STYLE = """\
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background-color: #15181c !important; }
  .card { background-color: #1f242a !important; border-color: MARK #39414a #39414a !important; }
  .ink { color: #eceff3 !important; }
  .dim { color: #a3adb8 !important; }
  .mark { color: MARK !important; }
  .rule { border-color: #39414a !important; }
  .bar { background-color: #5b6b7c !important; }
}
@media (max-width: 480px) { .pad { padding: 16px !important; } .edge { padding: 0 !important; } }"""


def html(message: Message) -> str:
    """The whole page. Everything that the message says is escaped."""
    color = _COLORS[message.severity]
    parts = [_heading(message, color), _text(message), _chart(message, color), _facts(message), _button(message, color)]
    rows = "\n".join(f"<tr><td>{part}</td></tr>" for part in parts if part)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{escape(line(message.title))}</title>
<style>
{_STYLE.replace("MARK", _ON_DARK[message.severity])}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f2f4f7">
<table {_TABLE} width="100%" class="page" style="background-color:#f2f4f7"><tr>
<td align="center" class="edge" style="padding:24px">
<!--[if mso]><table width="600" align="center"><tr><td><![endif]-->
<table {_TABLE} width="100%" class="card" style="max-width:600px;background-color:#ffffff;\
border:1px solid #d9dee5;border-top:4px solid {color}"><tr><td class="pad" align="left" style="padding:24px">
<table {_TABLE} width="100%">
{rows}
<tr><td class="dim" style="{_FONT};font-size:12px;line-height:18px;color:#5f6b78;padding-top:20px">\
{escape(footnote(message))}<br>{escape(cut(line(message.key), FACT_MAX))}</td></tr>
</table>
</td></tr></table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr></table>
</body>
</html>
"""


def _heading(message: Message, color: str) -> str:
    return (
        f'<div class="mark" style="{_FONT};font-size:12px;line-height:16px;font-weight:bold;color:{color}">'
        f"{WORDS[message.severity].upper()}</div>"
        f'<h1 class="ink" style="{_FONT};font-size:20px;line-height:28px;color:#1b232c;margin:4px 0 0 0">'
        f"{escape(line(message.title))}</h1>"
    )


def _text(message: Message) -> str:
    text = cut(paragraphs(message), TEXT_MAX)
    style = f"{_FONT};font-size:15px;line-height:23px;color:#1b232c;margin:12px 0 0 0"
    return "".join(f'<p class="ink" style="{style}">{escape(each)}</p>' for each in text.splitlines())


def _facts(message: Message) -> str:
    if not facts(message):
        return ""
    cell = f"{_FONT};font-size:14px;line-height:20px;padding:6px 12px 6px 0;border-bottom:1px solid #e6eaef"
    rows = "".join(
        f'<tr><td class="dim rule" valign="top" style="{cell};color:#5f6b78">{escape(cut(name, FACT_MAX))}</td>'
        f'<td class="ink rule" valign="top" style="{cell};color:#1b232c;word-break:break-word">'
        f"{escape(cut(value, FACT_MAX))}</td></tr>"
        for name, value in facts(message)[:FACTS_MAX]
    )
    return f'<table {_TABLE} width="100%" style="margin-top:16px">{rows}</table>'


def _button(message: Message, color: str) -> str:
    link = where(message)
    if link is None:
        return ""
    style = f"{_FONT};font-size:15px;line-height:20px;font-weight:bold;color:#ffffff;text-decoration:none"
    return (
        f'<table {_TABLE} style="margin-top:20px"><tr><td bgcolor="{color}" style="padding:10px 18px">'
        f'<a href="{escape(link)}" style="{style}">Look at it</a></td></tr></table>'
    )


def _chart(message: Message, color: str) -> str:
    """One column a day, the last in the colour of the severity; below, the days and amounts that are its scale."""
    days = message.series[-CHART_DAYS:]
    if not days:
        return ""
    most = max(cost for _, cost in days)
    columns = "".join(
        _column(
            f"{day}: {shown(cost, message.currency)}",
            max(1, height(cost, most, CHART_HEIGHT)),
            color if day == days[-1][0] else "",
        )
        for day, cost in days
    )
    small = f"{_FONT};font-size:12px;line-height:18px;color:#5f6b78;padding-top:4px"
    return (
        f'<table {_TABLE} width="100%" style="margin-top:20px">'
        f'<tr><td colspan="2" class="dim" style="{small};padding-bottom:6px">Per day, at most '
        f"{escape(shown(most, message.currency))}</td></tr>"
        f'<tr><td colspan="2"><table {_TABLE} width="100%" style="table-layout:fixed"><tr>{columns}</tr></table>'
        "</td></tr>"
        f'<tr><td class="dim" align="left" style="{small}">{days[0][0]:%d %b}</td>'
        f'<td class="dim" align="right" style="{small}">{days[-1][0]:%d %b}: '
        f"{escape(shown(days[-1][1], message.currency))}</td></tr></table>"
    )


def _column(told: str, pixels: int, color: str) -> str:
    look = f'bgcolor="{color}"' if color else 'bgcolor="#a9b6c4" class="bar"'
    bar = (
        f'<td height="{pixels}" {look} '
        f'style="height:{pixels}px;font-size:1px;line-height:1px;mso-line-height-rule:exactly">&nbsp;</td>'
    )
    return (
        f'<td valign="bottom" height="{CHART_HEIGHT}" title="{escape(told)}" '
        f'style="height:{CHART_HEIGHT}px;padding:0 1px 0 0">'
        f'<table {_TABLE} width="100%"><tr>{bar}</tr></table></td>'
    )
