/** A table of inspected files, the highest scores first, and its CSV. */

import { ProblemError } from './api.js';
import { announce, base64Of, byId, element, rounded, save } from './page.js';

const COLUMNS = ['file', 'score', 'percentile', 'anomalous', 'reason', 'error'];

export class InspectionTable {
  /** @param {(item: object) => void} onchoose is called for a file that is clicked. */
  constructor(onchoose) {
    this.onchoose = onchoose;
    this.items = [];
    byId('inspect-csv').onclick = () => {
      save(new Blob([csvOf(this.sorted())], { type: 'text/csv' }), 'inspections.csv');
    };
  }

  /** Inspect files in turn; ``inspect`` returns the response for an image in base64. */
  async fill(files, inspect) {
    this.release();
    this.items = [];
    byId('inspect-table-card').hidden = false;
    for (const [index, file] of files.entries()) {
      byId('inspect-progress').textContent = `${index + 1} of ${files.length}`;
      this.items.push(await inspected(file, inspect));
      if (index % 10 === 9) this.show();
    }
    this.show();
    const count = this.items.filter(({ anomalous }) => anomalous).length;
    byId('inspect-progress').textContent = `${count} of ${files.length} anomalous`;
    announce(`${count} of ${files.length} pictures are anomalous.`);
  }

  /** Judge all scores by another threshold. */
  judge(threshold) {
    if (this.items.length === 0) return;
    for (const item of this.items) {
      if (item.score !== undefined) item.anomalous = item.score > threshold;
    }
    const count = this.items.filter(({ anomalous }) => anomalous).length;
    byId('inspect-progress').textContent = `${count} of ${this.items.length} anomalous`;
    this.show();
  }

  /** Return the file with the highest score, if one could be read. */
  first() {
    return this.sorted().find(({ score }) => score !== undefined);
  }

  sorted() {
    return [...this.items].sort((a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity));
  }

  show() {
    byId('inspect-rows').replaceChildren(...this.sorted().map((item) => this.row(item)));
  }

  row(item) {
    item.url ??= URL.createObjectURL(item.blob);
    const open = element('button', {
      type: 'button', className: 'plain', disabled: item.score === undefined,
      onclick: () => this.onchoose(item),
    }, thumbnail(item.url), element('span', {}, item.name));
    const verdict = item.error ?? (item.anomalous ? 'anomalous' : 'nothing unusual');
    return element('tr', {},
      element('th', { scope: 'row' }, open),
      element('td', {}, item.score === undefined ? '' : rounded(item.score)),
      element('td', { className: item.anomalous || item.error ? 'bad' : '' }, verdict));
  }

  release() {
    for (const { url } of this.items) URL.revokeObjectURL(url);
  }
}

/** Return the picture of a file, or nothing if the browser cannot read it. */
function thumbnail(url) {
  const image = element('img', { src: url, alt: '', loading: 'lazy' });
  image.onerror = () => image.removeAttribute('src');
  return image;
}

/** Return a file with its inspection, or with the problem's words. */
async function inspected(file, inspect) {
  const item = { name: file.webkitRelativePath || file.name, blob: file };
  try {
    const { inspections } = await inspect(await base64Of(file));
    const { score, percentile, anomalous, reason } = inspections[0];
    return { ...item, score, percentile, anomalous, reason };
  } catch (error) {
    // Only what is wrong with the file itself: the panel waits for a busy service.
    if (!(error instanceof ProblemError) || error.status !== 422) throw error;
    return { ...item, error: error.message };
  }
}

export function csvOf(items) {
  const rows = items.map((item) =>
    COLUMNS.map((column) => item[column === 'file' ? 'name' : column] ?? ''));
  return [COLUMNS, ...rows].map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}

/** Return a value for CSV; a leading apostrophe keeps spreadsheets from running it. */
function quoted(value) {
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
