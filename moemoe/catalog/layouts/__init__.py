"""Layouts: how a seller's rows become a catalog's, one small module each.

A **format** opens a file as a ``Table``, rows under the file's own columns (``moemoe.catalog.formats``). A **layout**
turns such rows into rows under the catalog's columns (CATALOG in ``moemoe.schemas``). To add one, write a module with
two functions and a ``Layout`` of them, and name that in ``moemoe.catalog.known_layouts``::

    LAYOUT = Layout("sketch", "a product export of Sketch", fits, rows)

    def fits(file: SellerFile) -> bool:
        return {"Sketch ID", "Sketch Name"} <= set(file.table.columns)

    def rows(file: SellerFile) -> Iterator[Row | RowError]:
        keys = [column for column in file.table.columns if column.startswith("Spec: ")]
        file.became.update({"Sketch ID": "product_id", "Kind": "product_type", "Sketch Name": "title"})
        file.became.update(dict.fromkeys(keys, ATTRIBUTE))
        for row in file.table.rows():
            if isinstance(row, RowError):
                yield row
                continue
            yield {
                "product_id": row.get("Sketch ID"),
                "product_type": row.get("Kind"),
                "title": row.get("Sketch Name"),
                "attributes": {key.removeprefix("Spec: "): row[key] for key in keys if key in row},
            }

``fits`` recognises by columns that no other format has, never by the file's name alone; it may look at the first rows
(``file.table.first(5)``), at ``file.table.format``, and of a CSV or Excel file at what stands above the header
(``file.table.preamble``). Of one file one layout must fit. Columns that are ``names`` of the ``Layout`` but for case,
blanks, hyphens and underscores come under these, so that both functions may ask for the exact names.

``rows`` yields, in the file's order and while it reads (memory must not grow with the rows):

- a mapping under the catalog's columns, for a product. Values may be what JSON has: ``records.record`` makes texts of
  numbers, reads bullet points as list or text, ``attributes`` as object or list of pairs (raw key, raw label; a key may
  repeat), ``image`` as path, or ``{"path": ..., "bytes": base64 text}``, ``images`` as a list of such, the first one
  or ``image`` itself in front. What is missing is left out or None;
- a ``RowError(field, reason, detail)`` for rows that give no product; it is quarantined and counted under its reason.
  Errors that ``file.table.rows()`` yields are handed on. One of a CSV row with too many or too few cells has them as
  ``error.cells``, so that a layout may mend the row (and say so in ``file.counts``).

Each yielded item is one row of the run; its place in the sequence is its row number. A layout may join several of the
file's rows to one product, and read files beside its own (``file.beside("images.csv")``). A file that belongs to a
layout and holds no products (``images.csv`` itself) fits it and yields nothing.

What becomes of each column is said in ``file.became``: a catalog column, ``ATTRIBUTE``, or a few words ("joins
variants"); columns that it does not name are ``UNUSED``. Whatever is done to rows on the way is counted in
``file.counts`` ("rows with unquoted commas repaired").
"""
