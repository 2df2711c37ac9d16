// One product at a time, the first unjudged one to begin with. A verdict is changed by another one and taken back by
// undo alone: the same key twice, or held down, neither clears it nor judges the next product.
const all = [...document.querySelectorAll('article')], store = document.body.dataset.name, PAUSE = 250;
const keys = {r: 'right', w: 'wrong', u: 'unclear'};
let saved = {}, current = 0, last = {key: '', at: 0};
const given = [];  // [article's index, the verdict before], for undo
try { saved = JSON.parse(localStorage.getItem(store)) || {}; } catch (e) {}
const id = a => JSON.stringify([a.dataset.productId, a.dataset.attribute, a.dataset.prediction]);
const keep = () => {
  try { localStorage.setItem(store, JSON.stringify(saved)); } catch (e) {}
  const done = all.filter(a => a.dataset.verdict).length;
  document.getElementById('done').textContent = done;
  document.getElementById('bar').style.width = `${100 * done / Math.max(all.length, 1)}%`;
};
const set = (article, verdict) => {
  if (verdict) { article.dataset.verdict = verdict; saved[id(article)] = verdict; }
  else { delete article.dataset.verdict; delete saved[id(article)]; }
  keep();
};
const show = index => {
  if (!all.length) return;
  all[current].classList.remove('current');
  current = Math.min(Math.max(index, 0), all.length - 1);
  all[current].classList.add('current');
  scrollTo(0, 0);
};
const nextUnjudged = from => {
  for (let step = 0; step < all.length; step++) {
    const index = (from + step) % all.length;
    if (!all[index].dataset.verdict) return index;
  }
  return Math.min(from, all.length - 1);
};
const judge = verdict => {
  given.push([current, all[current].dataset.verdict]);
  set(all[current], verdict);
  show(nextUnjudged(current + 1));
};
const undo = () => {
  if (!given.length) return;
  const [index, before] = given.pop();
  set(all[index], before);
  show(index);
};
for (const article of all) {
  if (saved[id(article)]) article.dataset.verdict = saved[id(article)];
  for (const button of article.querySelectorAll('button'))
    button.onclick = () => { button.blur(); 'undo' in button.dataset ? undo() : judge(button.dataset.verdict); };
}
addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !all.length) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === 'ArrowRight' || key === 'ArrowLeft') return show(current + (key === 'ArrowRight' ? 1 : -1));
  if (!keys[key] && key !== 'z') return;
  const twice = event.repeat || (key === last.key && event.timeStamp - last.at < PAUSE);
  last = {key, at: event.timeStamp};
  if (!twice) keys[key] ? judge(keys[key]) : undo();
});
const cell = text => '"' + text.replaceAll('"', '""') + '"';
document.getElementById('download').onclick = () => {
  const lines = ['product_id,attribute,prediction,verdict'];
  for (const a of all) if (a.dataset.verdict)
    lines.push([a.dataset.productId, a.dataset.attribute, a.dataset.prediction, a.dataset.verdict].map(cell).join(','));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([lines.join('\r\n') + '\r\n'], {type: 'text/csv'}));
  link.download = store + '-verdicts.csv';
  link.click();
};
document.body.classList.add('one');
keep();
show(nextUnjudged(0));
