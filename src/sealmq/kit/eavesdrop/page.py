"""The sum as one HTML page: what the listener saw of plaintext MQTT, and beside it what TLS left, by its version.

Rule 1: it loads nothing and runs nothing; its policy forbids both, and allows this one style sheet by its hash.
Rule 2: whatever peers wrote is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.summary import Summary, mark
from sealmq.kit.handshake.exposures import in_words
from sealmq.kit.handshake.report import Exposure

_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1b2430; --soft: #566172; --line: #d9dee6;
  --open: #b42318; --open-back: #fdecea; --hidden: #12694a; --hidden-back: #e6f5ee; --none: #566172;
  --none-back: #eef0f4; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b2129; --text: #e8ecf2; --soft: #a3adbb;
  --line: #323b47; --open: #ff9d92; --open-back: #4a1d1a; --hidden: #7fdcb4; --hidden-back: #12382a; --none: #a3adbb;
  --none-back: #2a323d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 3rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .3rem; }
p.sum { color: var(--soft); margin: 0 0 1.5rem; }
table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--card);
  border: 1px solid var(--line);
  border-radius: .6rem; overflow: hidden; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .7rem .9rem; border-top: 1px solid var(--line);
  overflow-wrap: anywhere; }
thead th { border-top: 0; font-size: 1.05rem; }
thead th small { display: block; font-weight: 400; color: var(--soft); }
tbody th { font-weight: 600; }
th:first-child { width: 22%; }
b { display: inline-block; min-width: 4.2rem; margin-right: .5rem; padding: 0 .5rem; border-radius: .3rem;
  font-size: .8rem; text-align: center; }
.open b { color: var(--open); background: var(--open-back); }
.hidden b, .noticed b { color: var(--hidden); background: var(--hidden-back); }
.none b { color: var(--none); background: var(--none-back); }
td span { white-space: pre-line; }
@media (max-width: 44rem) { table, thead, tbody, tr, th, td { display: block; width: auto; }
  thead { display: none; } th:first-child { width: auto; } td { border-top: 0; padding-top: 0; }
  td::before { content: attr(data-side); display: block; color: var(--soft); font-size: .85rem; } }
@media print { body { background: none; } table { border-radius: 0; } }
"""


def draw(summary: Summary) -> str:
    """The page. It is the same for the same summary."""
    sides = summary.sides()
    heads = "".join(
        f'<th scope="col">{escape(title)}<small>{in_words(side.connections, "connection")}</small></th>'
        for _, title, side in sides
    )
    columns = [[_cell(kind, title, each) for each in side.exposures()] for kind, title, side in sides]
    titles = [each.what for each in sides[0][2].exposures()] if sides else []
    rows = "\n".join(
        f'<tr><th scope="row">{escape(title)}</th>{"".join(cells)}</tr>'
        for title, *cells in zip(titles, *columns, strict=True)
    )
    table = f'<table>\n<thead><tr><th scope="col">what</th>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>What the listener saw</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        "<h1>What the listener saw</h1>\n"
        f'<p class="sum">{escape(summary.sentence())}.</p>\n{table if sides else ""}\n</body>\n</html>\n'
    )


def _cell(kind: Kind, title: str, each: Exposure) -> str:
    word = mark(kind, each)
    return f'<td class="{word}" data-side="{escape(title)}"><b>{word}</b><span>{escape(each.value)}</span></td>'
