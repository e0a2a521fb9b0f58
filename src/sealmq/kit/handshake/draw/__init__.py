"""A Report in every form: what a person reads, and what a program reads.

terminal.py       text, for a terminal of any width (ladder.py, byte_lines.py; pen.py writes the lines)
sequence_svg.py   a sequence diagram (sequence_layout.py says where things stand)
page_html.py      one page, with the bytes (page_messages.py, page_bytes.py, page_sections.py; markup.py escapes)
mermaid.py        the diagram for Mermaid
as_json.py        JSON, and its schema
comparison.py     several runs side by side: a table, JSON; comparison_svg.py and comparison_html.py draw it

Rule 1: nothing is worked out here; a Report says it, or it is not shown.
Rule 2: every text may be a stranger's: it goes through `one_line` (words.py), and then through what the form asks for.
Rule 3: the same Report gives the same output, byte for byte; none of it asks for anything over the network.
Rule 4: however much there is, the output is bounded, and says what it left out; only JSON has everything.
"""
