"""File formats: each opens a file as a ``Table``, rows under the file's own column names.

What the columns mean is a layout's business (``moemoe.catalog.layouts``): a Shopify export has the same layout as CSV
and as Excel workbook.
"""
