"""A small contract, and the failed expectations of a report."""

CONTRACT = """
dataset: small
product_types: {kurta: [Kurtas], shirt: [Tshirts]}
attributes:
  color: {keys: [color, baseColour], values: {Red: [], Blue: []}}
  fit type: {keys: [Fit], values: {Slim: []}}
missing: [NA]
split: {train: 0.6, validation: 0.2, test: 0.2}
max_quarantine_share: 0.5
report_product_types: [kurta]
expectations:
  unique_product_ids: {severity: critical}
  title_present: {at_least: 0.9, severity: critical}
  known_product_types: {at_least: 0.8, severity: warning}
  image_present: {at_least: 0.5, severity: warning}
  undecodable_images: {at_most: 0.1, severity: critical}
  attribute_fill: {severity: warning, at_least: {color: 0.9, fit type: 0.1}}
  canonical_values: {severity: critical}
  group_in_one_split: {severity: critical}
  split_deviation: {at_most: 0.1, severity: warning}
  label_share: {severity: warning, at_least: {color: 0.9}}
  label_drift: {severity: warning, at_most: 0.25}
  canonical_predictions: {severity: warning, at_least: 0.9}
"""


def broken(report) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(failure.severity, failure.words, failure.product_ids) for failure in report.failures]
