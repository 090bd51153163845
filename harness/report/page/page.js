'use strict';

const PAGE = 25; // images at a time
const LARGEST = 1, BPP = 2, FIRST_RESTORER = 4; // columns of the table of images
const byId = (id) => document.getElementById(id);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function fill(select, pairs) {
  select.replaceChildren(...pairs.map(([value, text]) => element('option', { value }, text)));
}

// -- sorting -------------------------------------------------------------------------------

// What a cell is sorted by: its number, or its text; null where there is none.
function keyOf(cell) {
  const text = cell.dataset.v ?? cell.textContent;
  if (text === '' || text === '–') return null;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

// Cells without a number stand last in either direction.
function compareKeys(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === 'number' && typeof b === 'number') return direction * (a - b);
  return direction * String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortBody(table, column, direction) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [keyOf(row.cells[column]), row]);
  rows.sort((a, b) => compareKeys(a[0], b[0], direction));
  body.append(...rows.map((pair) => pair[1]));
}

// Numbers begin with the largest, labels with the first.
function nextDirection(head) {
  const state = head.getAttribute('aria-sort');
  if (state === 'none') return head.classList.contains('num') ? -1 : 1;
  return state === 'ascending' ? -1 : 1;
}

function mark(heads, chosen, direction) {
  for (const head of heads) head.setAttribute('aria-sort', 'none');
  if (chosen) chosen.setAttribute('aria-sort', direction > 0 ? 'ascending' : 'descending');
}

function buttons(heads, onSort) {
  heads.forEach((head, column) => {
    const button = element('button', { type: 'button' }, ...head.childNodes);
    head.replaceChildren(button);
    head.setAttribute('aria-sort', 'none');
    button.addEventListener('click', () => onSort(head, column, nextDirection(head)));
  });
}

function makeSortable(table) {
  const heads = all('thead tr:last-child th', table);
  buttons(heads, (head, column, direction) => {
    mark(heads, head, direction);
    sortBody(table, column, direction);
  });
}

// -- filters -------------------------------------------------------------------------------

function filtersOf(section) {
  const found = { task: '', qf: '', text: '' };
  for (const input of all('[data-filter]', section)) {
    found[input.dataset.filter] = input.value.trim().toLowerCase();
  }
  return found;
}

function filterRows(table, filters) {
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const first = row.cells[0].textContent.toLowerCase();
    row.hidden = (filters.qf !== '' && row.dataset.qf.toLowerCase() !== filters.qf)
      || !first.includes(filters.text);
    shown += !row.hidden;
  }
  return shown;
}

function filterColumns(table, hidden) {
  const heads = all('thead tr:last-child th', table);
  const away = heads.map((head) => hidden.has(head.dataset.column));
  for (const row of all('thead tr:last-child, tbody tr', table)) {
    [...row.cells].forEach((cell, column) => { cell.hidden = away[column]; });
  }
  for (const group of all('.groups th', table)) {
    const mine = heads.filter((head) => head.dataset.group === group.textContent);
    const left = mine.filter((head) => !head.hidden).length;
    group.hidden = left === 0;
    group.colSpan = Math.max(left, 1);
  }
}

function applyFilters(section) {
  const filters = filtersOf(section);
  const off = all('input[data-column]:not(:checked)', section);
  const hidden = new Set(off.map((input) => input.dataset.column));
  let rows = 0;
  for (const part of all('[data-part]', section)) {
    part.hidden = filters.task !== '' && part.dataset.part.toLowerCase() !== filters.task;
    for (const table of all('table.grid', part)) {
      const shown = filterRows(table, filters);
      filterColumns(table, hidden);
      if (!part.hidden && !table.closest('details')) rows += shown;
    }
  }
  for (const input of all('[data-toggle]', section)) {
    section.classList.toggle(input.dataset.toggle, !input.checked);
  }
  const status = section.querySelector('.status');
  if (status) status.textContent = `${rows} row${rows === 1 ? '' : 's'}`;
}

function startTables(section) {
  all('table.grid', section).forEach(makeSortable);
  const form = section.querySelector('form.controls');
  if (!form) return;
  form.hidden = false;
  form.addEventListener('submit', (event) => event.preventDefault());
  // Not every browser tells of a select's choice as input.
  for (const kind of ['input', 'change']) form.addEventListener(kind, () => applyFilters(section));
  applyFilters(section);
}

// -- before and after ----------------------------------------------------------------------

function viewsOf(panel) {
  return all('figure', panel).map((figure) => {
    const [picture, overlay] = all('img', figure);
    return { label: figure.dataset.label, score: figure.dataset.score, picture, overlay };
  });
}

function show(side, view) {
  const [picture, overlay] = all(`.stage img.${side}`);
  picture.src = view.picture.src;
  picture.alt = view.picture.alt;
  overlay.hidden = !view.overlay;
  if (view.overlay) overlay.src = view.overlay.src;
  document.querySelector(`.${side}-name`).textContent = view.label;
}

function cut(viewer) {
  const slider = byId('slider');
  const [left, right] = ['left', 'right'].map((side) => byId(side).selectedOptions[0]?.text ?? '');
  viewer.querySelector('.stage').style.setProperty('--cut', `${slider.value}%`);
  slider.setAttribute('aria-valuetext', `${slider.value} % ${left}, the rest ${right}`);
}

function zoom(viewer, width) {
  const times = Number(byId('zoom').value);
  const stage = viewer.querySelector('.stage');
  stage.classList.toggle('pixels', times > 1);
  viewer.style.setProperty('--wide', `${Math.max(2 * width, 640)}px`);
  stage.style.width = times ? `${times * width}px` : '';
  stage.style.maxWidth = times ? 'none' : '';
}

// The view whose score differs most from jpeg's; the last where nothing has a score.
function mostChanged(views) {
  const [, jpeg, ...rest] = views;
  const change = (view) => (view.score && jpeg.score ? Math.abs(view.score - jpeg.score) : 0);
  const found = rest.reduce((a, b) => (change(b) > change(a) ? b : a), views.at(-1));
  return views.indexOf(found);
}

// The views keep their names from panel to panel, where the next panel has them.
function fillSides(views) {
  const names = views.map((view, index) => [String(index), view.label]);
  for (const [side, first] of [['left', 1], ['right', mostChanged(views)]]) {
    const select = byId(side);
    const before = select.selectedOptions[0]?.text;
    fill(select, names);
    const kept = views.findIndex((view) => view.label === before);
    select.value = String(kept >= 0 ? kept : Math.min(first, views.length - 1));
  }
}

function dragging(viewer) {
  const stage = viewer.querySelector('.stage');
  const move = (event) => {
    if (event.type === 'pointermove' && !event.buttons) return;
    if (event.pointerType === 'touch' && byId('zoom').value !== '0') return;
    const box = stage.getBoundingClientRect();
    byId('slider').value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
    cut(viewer);
  };
  stage.addEventListener('pointerdown', move);
  stage.addEventListener('pointermove', move);
  stage.addEventListener('dragstart', (event) => event.preventDefault());
}

function startViewer(viewer) {
  const panels = all('.panel');
  fill(byId('panel'), panels.map((panel, index) => [String(index), panel.dataset.name]));
  let views = [];
  const draw = () => {
    show('left', views[Number(byId('left').value)]);
    show('right', views[Number(byId('right').value)]);
    zoom(viewer, Number(views[0].picture.getAttribute('width')));
    byId('panels').classList.toggle('no-overlay', !byId('overlay').checked);
    cut(viewer);
  };
  const choose = () => {
    const chosen = Number(byId('panel').value);
    panels.forEach((panel, index) => { panel.hidden = index !== chosen; });
    views = viewsOf(panels[chosen]);
    fillSides(views);
    draw();
  };
  for (const figure of all('.panel figure')) {
    const name = figure.querySelector('.name');
    const button = element('button', { type: 'button' }, name.textContent);
    button.setAttribute('aria-label', `Show ${name.textContent} on the right`);
    name.replaceChildren(button);
    button.addEventListener('click', () => {
      byId('right').value = String(views.findIndex((v) => v.label === figure.dataset.label));
      draw();
    });
  }
  byId('panel').addEventListener('change', choose);
  for (const id of ['left', 'right', 'zoom', 'overlay']) byId(id).addEventListener('change', draw);
  byId('slider').addEventListener('input', () => cut(viewer));
  dragging(viewer);
  viewer.hidden = false;
  choose();
}

// -- images --------------------------------------------------------------------------------

function decoded(packed, digits) {
  if (packed === null || packed === undefined) return null;
  return typeof packed === 'string' ? Infinity : packed / 10 ** digits;
}

function printed(value, digits, sign) {
  if (value === null || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return '∞';
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? '-' : sign ? '+' : '') + text;
}

function difference(value, jpeg) {
  return value === null || jpeg === null || value === jpeg && !Number.isFinite(value)
    ? null : value - jpeg;
}

// One entry an image: what the table shows of it, by column. `LARGEST` is the largest change.
function imageRows(data, what, qf, asDifference) {
  const cells = what.cells[qf] ?? {};
  const names = Object.keys(cells).filter((name) => name !== 'jpeg');
  const rows = data.ids.map((id, index) => {
    const at = (name) => decoded(cells[name]?.[index], what.digits);
    const gaps = names.map((name) => (data.references.includes(name) ? null : difference(at(name), at('jpeg'))));
    const largest = gaps.reduce((a, b) => (Math.abs(b ?? 0) > Math.abs(a ?? 0) ? b : a), null);
    const numbers = names.map((name) => (
      asDifference ? difference(at(name), at('jpeg')) : at(name)));
    const size = decoded(data.bpp[qf]?.[index], data.bpp_digits);
    return [id, largest, size, at('jpeg'), ...numbers];
  });
  return { names, rows };
}

function imageHead(table, names, onSort) {
  const labels = ['image', 'largest change', 'bpp', 'jpeg', ...names];
  const heads = labels.map((label, k) => (
    element('th', { scope: 'col', class: k ? 'num' : 'label' }, label)));
  table.tHead.replaceChildren(element('tr', {}, ...heads));
  buttons(heads, onSort);
  return heads;
}

function imageCell(value, column, state) {
  if (column === 0) return element('th', { scope: 'row', class: 'label' }, value);
  const signed = column === LARGEST || (state.asDifference && column >= FIRST_RESTORER);
  const digits = column === BPP ? state.data.bpp_digits : state.what.digits;
  const text = printed(value, digits, signed);
  // What the uncompressed image has over jpeg is nobody's gain.
  const plain = !signed || !/^[+-]/.test(text) || state.data.references.includes(state.names[column - FIRST_RESTORER]);
  return element('td', { class: `num${plain ? '' : value > 0 ? ' up' : ' down'}` }, text);
}

function drawImages(state) {
  const rows = state.rows.filter((row) => row[0].toLowerCase().includes(state.search));
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  state.page = Math.min(Math.max(state.page, 0), pages - 1);
  const from = state.page * PAGE;
  const body = rows.slice(from, from + PAGE).map((row) => (
    element('tr', {}, ...row.map((value, column) => imageCell(value, column, state)))));
  byId('images-table').tBodies[0].replaceChildren(...body);
  byId('images-back').disabled = state.page === 0;
  byId('images-on').disabled = state.page === pages - 1;
  const to = Math.min(from + PAGE, rows.length);
  byId('images-status').textContent = rows.length
    ? `${from + 1} to ${to} of ${rows.length} images` : 'no image';
}

// The largest change is sorted by how large it is, whichever its sign.
function sortImages(state, column, direction) {
  const size = (value) => (value === null ? null : Math.abs(value));
  const key = (row) => (column === LARGEST ? size(row[column]) : row[column]);
  state.rows.sort((a, b) => compareKeys(key(a), key(b), direction));
  state.page = 0;
  drawImages(state);
}

function chooseImages(state) {
  state.what = state.data.what[Number(byId('images-what').value)];
  state.asDifference = byId('images-as').value === 'difference';
  const qf = byId('images-qf').value;
  const found = imageRows(state.data, state.what, qf, state.asDifference);
  state.names = found.names;
  state.rows = found.rows;
  const heads = imageHead(byId('images-table'), found.names, (head, column, direction) => {
    mark(heads, head, direction);
    sortImages(state, column, direction);
  });
  const unit = state.what.unit ? ` (${state.what.unit})` : '';
  const how = state.asDifference ? ', difference from jpeg' : '';
  byId('images-caption').textContent = `${state.what.name}${unit}${how}, QF ${qf}`;
  mark(heads, heads[LARGEST], -1);
  sortImages(state, LARGEST, -1);
}

function startImages(box) {
  const data = JSON.parse(byId('images-data').textContent);
  if (!data.what.length) return;
  const state = { data, search: '', page: 0 };
  fill(byId('images-what'), data.what.map((what, index) => [String(index), what.name]));
  fill(byId('images-qf'), data.qfs.map((qf) => [qf, qf]));
  for (const id of ['images-what', 'images-qf', 'images-as']) {
    byId(id).addEventListener('change', () => chooseImages(state));
  }
  byId('images-search').addEventListener('input', (event) => {
    state.search = event.target.value.trim().toLowerCase();
    state.page = 0;
    drawImages(state);
  });
  for (const [id, step] of [['images-back', -1], ['images-on', 1]]) {
    byId(id).addEventListener('click', () => { state.page += step; drawImages(state); });
  }
  box.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
  box.hidden = false;
  chooseImages(state);
}

all('[data-tables]').forEach(startTables);
all('.viewer').forEach(startViewer);
all('.images').forEach(startImages);
