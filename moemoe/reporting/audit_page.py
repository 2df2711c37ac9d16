"""The audit as one HTML page: pictures, questions, answers; verdicts by click or key, handed over as a CSV.

The page needs no network. Verdicts stay in the browser until they are downloaded.
"""

import base64
import html
from itertools import groupby
from typing import Any

import pyarrow as pa

from moemoe.schemas import RIGHT, UNCLEAR, WRONG


def audit_page(audit: pa.Table, model_version: str, name: str) -> str:
    """The page of an AUDIT table; ``name`` tells its verdicts from those of other audits, in browser and file."""
    rows = audit.to_pylist()
    sections = []
    for (product_type, attribute), cell in groupby(rows, key=lambda row: (row["product_type"], row["attribute"])):
        items = list(cell)
        title = html.escape(f"{product_type}: {attribute}")
        sections.append(
            f"<h2>{title} <small>{len(items)} of {items[0]['filled']:,} filled values</small></h2>"
            f'<div class="cell">{"".join(map(_item, items))}</div>'
        )
    empty = "" if rows else "<p>Nothing was filled in, so there is nothing to judge.</p>"
    return _PAGE.format(
        title=html.escape(f"Audit of {model_version}"),
        name=html.escape(name, quote=True),
        number=len(rows),
        body="".join(sections) or empty,
    )


def _item(row: dict[str, Any]) -> str:
    keys = " ".join(
        f'data-{name.replace("_", "-")}="{html.escape(row[name] or "", quote=True)}"'
        for name in ("product_id", "attribute", "prediction")
    )
    if row["image"]:
        kind = "png" if row["image"].startswith(b"\x89PNG") else "jpeg"
        data = base64.b64encode(row["image"]).decode()
        picture = f'<img alt="" src="data:image/{kind};base64,{data}">'
    else:
        picture = '<div class="none">no picture</div>'
    raw = f'<p class="raw">catalog says: {html.escape(row["raw_label"])}</p>' if row["raw_label"] else ""
    buttons = "".join(f'<button data-verdict="{verdict}">{verdict}</button>' for verdict in (RIGHT, WRONG, UNCLEAR))
    return (
        f'<article tabindex="0" {keys}>{picture}<p class="title">{html.escape(row["title"] or "(no title)")}</p>'
        f'<p class="id">{html.escape(row["product_id"])}</p>'
        f'<p class="answer">{html.escape(row["attribute"])}: <b>{html.escape(row["prediction"])}</b> '
        f"<small>{row['confidence']:.2f}</small></p>{raw}<div>{buttons}</div></article>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 0 auto; max-width: 1200px; padding: 0 1rem 4rem; color: #222; }}
header {{ position: sticky; top: 0; background: #fff; border-bottom: 1px solid #ccc; padding: .6rem 0; z-index: 1; }}
h1 {{ font-size: 1.3rem; margin: 0; }} h2 {{ font-size: 1.1rem; margin: 1.6rem 0 .5rem; }} small {{ color: #555; }}
h2 small {{ font-weight: normal; }} header p {{ margin: .2rem 0; }}
.cell {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: .7rem; }}
article {{ scroll-margin-top: 8rem; }}
article {{ border: 2px solid #ccc; border-radius: 6px; padding: .5rem; display: flex; flex-direction: column; }}
article:focus {{ outline: 3px solid #0072b2; }} article p {{ margin: .15rem 0; overflow-wrap: anywhere; }}
article div:last-child {{ margin-top: auto; display: flex; gap: .3rem; }}
img, .none {{ width: 100%; height: 170px; object-fit: contain; background: #f4f4f4; }}
.none {{ display: grid; place-items: center; color: #555; }}
.title {{ font-size: .9rem; }} .id, .raw {{ font-size: .8rem; color: #555; }} .answer {{ font-size: 1rem; }}
button {{ flex: 1; padding: .3rem 0; border: 1px solid #888; border-radius: 4px; background: #fff; cursor: pointer; }}
article[data-verdict=right] {{ border-color: #009e73; }} article[data-verdict=wrong] {{ border-color: #d55e00; }}
article[data-verdict=unclear] {{ border-color: #888; }}
article[data-verdict=right] button[data-verdict=right] {{ background: #009e73; color: #fff; }}
article[data-verdict=wrong] button[data-verdict=wrong] {{ background: #d55e00; color: #fff; }}
article[data-verdict=unclear] button[data-verdict=unclear] {{ background: #666; color: #fff; }}
header button {{ flex: none; padding: .3rem .8rem; }}
</style></head><body data-name="{name}">
<header><h1>{title}</h1>
<p><b id="done">0</b> of {number} judged. Is the value right for this product? Click, or press
<b>r</b>ight, <b>w</b>rong, <b>u</b>nclear; the next one is chosen. Verdicts stay in this browser until you
<button id="download">download verdicts.csv</button></p></header>
<main>{body}</main>
<script>
const all = [...document.querySelectorAll('article')], store = document.body.dataset.name;
let saved = {{}};
try {{ saved = JSON.parse(localStorage.getItem(store)) || {{}}; }} catch (e) {{}}
const key = a => JSON.stringify([a.dataset.productId, a.dataset.attribute, a.dataset.prediction]);
const count = () => document.getElementById('done').textContent = all.filter(a => a.dataset.verdict).length;
function judge(article, verdict) {{
  if (article.dataset.verdict === verdict) {{ delete article.dataset.verdict; delete saved[key(article)]; }}
  else {{ article.dataset.verdict = verdict; saved[key(article)] = verdict; }}
  try {{ localStorage.setItem(store, JSON.stringify(saved)); }} catch (e) {{}}
  count();
}}
for (const article of all) {{
  if (saved[key(article)]) article.dataset.verdict = saved[key(article)];
  for (const button of article.querySelectorAll('button'))
    button.onclick = () => judge(article, button.dataset.verdict);
  article.onkeydown = event => {{
    const verdict = {{r: 'right', w: 'wrong', u: 'unclear'}}[event.key];
    if (!verdict || event.ctrlKey || event.metaKey || event.altKey) return;
    judge(article, verdict);
    const next = all[all.indexOf(article) + 1];
    if (next) next.focus();
  }};
}}
const cell = text => '"' + text.replaceAll('"', '""') + '"';
document.getElementById('download').onclick = () => {{
  const lines = ['product_id,attribute,prediction,verdict'];
  for (const a of all) if (a.dataset.verdict)
    lines.push([a.dataset.productId, a.dataset.attribute, a.dataset.prediction, a.dataset.verdict].map(cell).join(','));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([lines.join('\\r\\n') + '\\r\\n'], {{type: 'text/csv'}}));
  link.download = store + '-verdicts.csv';
  link.click();
}};
count();
if (all[0]) all[0].focus({{preventScroll: true}});
</script></body></html>
"""
