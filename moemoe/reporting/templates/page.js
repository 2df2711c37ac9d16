// Tables sort by a click on a heading and keep the rows with a text; a link to a folded section opens it.
const value = cell => {
  const key = cell.dataset.sort, number = Number(key);
  return key !== '' && !Number.isNaN(number) ? number : key;
};
const order = (a, b) => {
  if (a === b) return 0;
  if (a === '' || b === '') return a === '' ? 1 : -1;  // what is not known comes last
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
};
for (const table of document.querySelectorAll('.table table')) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, index) => {
    if (body.rows.length < 2) return;
    head.tabIndex = 0;
    head.setAttribute('role', 'button');
    const sort = () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...body.rows].map(row => [value(row.cells[index]), row]);
      rows.sort(([a], [b]) => a === '' || b === '' ? order(a, b) : down ? order(b, a) : order(a, b));
      body.append(...rows.map(([, row]) => row));
    };
    head.onclick = sort;
    head.onkeydown = event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); sort(); } };
  });
}
for (const box of document.querySelectorAll('.table.filtered')) {
  const input = box.querySelector('input'), count = box.querySelector('.count'), rows = [...box.querySelectorAll('tbody tr')];
  const keep = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  input.oninput = keep;
  keep();
}
if (innerWidth < 640) document.querySelectorAll('nav details').forEach(one => one.open = false);
// Registration adds a section to a report whose contents are written already.
for (const list of document.querySelectorAll('nav ol'))
  list.replaceChildren(...[...document.querySelectorAll('main > .section')].map(section => {
    const item = document.createElement('li'), link = document.createElement('a');
    link.href = `#${section.id}`;
    link.textContent = section.querySelector('h2').textContent;
    item.append(link);
    return item;
  }));
// A long text begins at its first marked word.
for (const text of document.querySelectorAll('.example .text')) {
  const mark = text.querySelector('mark');
  if (mark) text.scrollTop = mark.offsetTop - text.offsetTop - 40;
}
const openTarget = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === 'DETAILS') { target.open = true; target.scrollIntoView(); }
};
addEventListener('hashchange', openTarget);
openTarget();
const folded = () => document.querySelectorAll('details:not([open])');
let opened = [];
addEventListener('beforeprint', () => { opened = [...folded()]; opened.forEach(one => one.open = true); });
addEventListener('afterprint', () => opened.forEach(one => one.open = false));
