# Reads a workbook with openpyxl, which shares no code with what wrote it, and prints what it finds as one JSON object.
# Invariant: every part is parsed by a real XML parser first, and numbers are printed as the shortest decimal that is the
# same double, so nothing is rounded on the way to the test.
# What openpyxl does not keep (words for charts, print titles as written) is read from the parts themselves.
import datetime
import json
import sys
import xml.etree.ElementTree as tree
import zipfile
from decimal import Decimal

import openpyxl
import openpyxl.reader.excel
from openpyxl.utils.escape import unescape


def shared_strings(source):
    # openpyxl 3.0 drops x005F_ from every text, so that a text that says _x0041_ would come out as "A".
    return ["".join(t.text or "" for t in item.iter() if local(t) == "t") for item in tree.parse(source).getroot()]


openpyxl.reader.excel.read_string_table = shared_strings


def cell_value(cell):
    value = cell.value
    if isinstance(value, bool):
        return {"type": "bool", "value": str(value)}
    if isinstance(value, datetime.datetime):
        return {"type": "date", "value": value.isoformat(timespec="milliseconds")}
    if isinstance(value, (int, float)):
        return {"type": "number", "value": format(Decimal(repr(value)), "f")}
    kind = {"s": "text", "inlineStr": "text", "str": "text", "f": "formula", "e": "error"}.get(cell.data_type)
    return {"type": kind or cell.data_type, "value": unescape(str(value))}


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def main(path):
    parts = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            parts[name] = data
            if name.endswith((".xml", ".rels", ".vml")):
                tree.fromstring(data)
        dates = sorted({info.date_time for info in archive.infolist()})
    book = openpyxl.load_workbook(path)
    sheets = []
    for sheet in book.worksheets:
        cells = {}
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is not None:
                    found = cell_value(cell)
                    found["format"] = cell.number_format
                    found["color"] = cell.fill.fgColor.rgb if cell.fill.fill_type else None
                    if cell.hyperlink is not None:
                        found["link"] = True
                    cells[cell.coordinate] = found
        sheets.append({
            "name": sheet.title,
            "cells": cells,
            "tables": [{"name": table.displayName, "ref": table.ref, "columns": [unescape(c.name) for c in table.tableColumns]}
                       for table in sheet.tables.values()],
            "frozen": sheet.freeze_panes,
            "repeated": sheet.print_title_rows,
            "orientation": sheet.page_setup.orientation,
            "fit": [sheet.sheet_properties.pageSetUpPr.fitToPage if sheet.sheet_properties.pageSetUpPr else None,
                    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight],
            "header": [sheet.oddHeader.left.text, sheet.oddHeader.center.text, sheet.oddHeader.right.text],
            "footer": [sheet.oddFooter.left.text, sheet.oddFooter.center.text, sheet.oddFooter.right.text],
            "widths": {key: value.width for key, value in sheet.column_dimensions.items()},
            "charts": len(sheet._charts),
            "rows": sheet.max_row,
        })
    words = []
    for name in sorted(parts):
        if name.startswith("xl/drawings/drawing"):
            words += [e.get("descr") for e in tree.fromstring(parts[name]).iter() if local(e) == "cNvPr"]
    charts = []
    for name in sorted((n for n in parts if n.startswith("xl/charts/chart")), key=lambda n: (len(n), n)):
        root = tree.fromstring(parts[name])
        plots = [e for e in root.iter() if local(e).endswith("Chart")]
        charts.append({
            "kind": [local(e) for e in plots],
            "grouping": [e.get("val") for e in root.iter() if local(e) == "grouping"],
            "formulas": [e.text for e in root.iter() if local(e) == "f"],
            "points": [e.text for e in root.iter() if local(e) == "v"],
        })
    print(json.dumps({
        "sheets": sheets,
        "names": {name.name: name.attr_text for name in book.defined_names.definedName},
        "title": book.properties.title,
        "author": book.properties.creator,
        "subject": book.properties.subject,
        "comments": book.properties.description,
        "created": book.properties.created.isoformat() + "Z",
        "modified": book.properties.modified.isoformat() + "Z",
        "words": words,
        "charts": charts,
        "dates": dates,
        "links": any(b"hyperlink" in data for data in parts.values()),
        "formulas": any(b"<f>" in data or b"<f " in data
                        for name, data in parts.items() if name.startswith("xl/worksheets/")),
    }))


main(sys.argv[1])
