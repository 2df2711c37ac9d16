"""File formats: each opens a file as a ``Table``, rows under the file's own column names.

Layouts (``moemoe.catalog.layouts``) map the columns: a Shopify export has the same layout as CSV and as a workbook.
"""
