"""Layouts map a seller's rows to the catalog's columns, one small module each.

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

``fits`` recognises a file by columns that no other layout has, never by its name alone. It may look at the first rows
(``file.table.first(5)``), at ``file.table.format``, and in CSV and Excel at the rows above the header
(``file.table.preamble``). Exactly one layout must fit a file. Columns that differ from the ``names`` of the ``Layout``
only in case, blanks, hyphens and underscores are renamed to these, so both functions can use the exact names.

``rows`` yields, in the file's order and while it reads (memory must not grow with the rows):

- for a product, a mapping with the catalog's columns. Values may have any JSON type: ``records.record`` converts
  numbers to text, and accepts bullet points as a list or text, ``attributes`` as an object or a list of pairs (raw
  key, raw label; a key may repeat), ``image`` as a path or ``{"path": ..., "bytes": base64 text}``, and ``images`` as
  a list of these, with or without ``image`` as its first item. Missing values are absent or None;
- for a row that gives no product, a ``RowError(field, reason, detail)``; it is quarantined and counted by reason.
  Errors from ``file.table.rows()`` are passed on. For a CSV row with too many or too few cells, ``error.cells`` has
  the cells, so that a layout may repair the row (and count that in ``file.counts``).

Each yielded item is one row of the run; its position is its row number. A layout may join several of the file's rows to
one product, and read files beside its own (``file.beside("images.csv")``). A file that belongs to a layout but has no
products (``images.csv`` itself) fits it and yields nothing.

``file.became`` records the use of each column: a catalog column, ``ATTRIBUTE``, or a few words ("joins variants");
other columns are ``UNUSED``. ``file.counts`` counts skipped and repaired rows ("rows with unquoted commas repaired").
"""
