"""Saved responses of Hugging Face's data set server."""

import json

import pytest

from tests.support.seller_files import images_of, read

FEATURES = [
    {"feature_idx": 0, "name": "product_id", "type": {"dtype": "int64", "_type": "Value"}},
    {"feature_idx": 1, "name": "product_type", "type": {"names": ["Kurtas", "Shirts"], "_type": "ClassLabel"}},
    {
        "feature_idx": 2,
        "name": "color",
        "type": {"feature": {"names": ["Red", "Blue"], "_type": "ClassLabel"}, "_type": "List"},
    },
    {"feature_idx": 3, "name": "image", "type": {"_type": "Image"}},
]


def answer(*rows: dict, cut: dict[int, list[str]] | None = None) -> dict:
    items = [{"row_idx": i, "row": row, "truncated_cells": (cut or {}).get(i, [])} for i, row in enumerate(rows)]
    return {"features": FEATURES, "rows": items, "num_rows_total": 9, "num_rows_per_page": 100, "partial": False}


def row(number: int, kind: int = 1, colors: tuple[int, ...] = (0,)) -> dict:
    image = {"src": f"https://datasets-server.huggingface.co/cached-assets/{number}.jpg", "height": 90, "width": 60}
    return {
        "product_id": number, "product_type": kind, "title": f"Shirt {number}", "color": list(colors), "image": image,
        "description": "Soft.",
    }  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
def test_rows_class_labels_and_images(tmp_path, indent):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(answer(row(1, 0, (1, 0)), row(2, -1)), indent=indent))
    found = read(path)
    assert [(p["product_id"], p["product_type"], p["attributes"]["color"]) for p in found.products] == [
        ("1", "Kurtas", "Blue, Red"), ("2", None, "Red")
    ]  # fmt: skip
    assert images_of(path)[1] == ["https://datasets-server.huggingface.co/cached-assets/2.jpg"]
    assert (found.how.format, found.how.layout, found.how.counts) == ("JSON (list 'rows')", "flat", {})
    assert not {"row", "row_idx"} & found.how.columns.keys()


def test_cut_cells_are_left_out_and_counted(tmp_path):
    path = tmp_path / "rows.jsonl"
    pages = [answer(row(1), row(2), cut={1: ["description", "color"]}), answer(row(3))]
    path.write_text("".join(json.dumps(page) + "\n" for page in pages))
    found = read(path)
    assert [(p["description"], p["attributes"]) for p in found.products] == [
        ("Soft.", {"color": "Red"}), (None, {}), ("Soft.", {"color": "Red"})
    ]  # fmt: skip
    assert found.how.counts == {"cells truncated by Hugging Face's server, left out": 2}


def test_a_catalog_with_a_column_row_is_no_answer(tmp_path):
    """An object in a column of that name is a seller's."""
    path = tmp_path / "a.json"
    own = {"product_id": "1", "product_type": "Shirts", "title": "a", "row": {"title": "b"}, "attributes": {"fit": "x"}}
    path.write_text(json.dumps({"rows": [own]}))
    assert read(path).first["title"] == "a"
