/** A panel: its requests, one at a time, their errors, and the way to repeat them. */

import { LostError, ProblemError, call, connection, hasKey, urlOf } from './api.js';
import { asCurl, asPython, readableJson } from './code.js';
import { latest } from './latest.js';
import { announce, copy, element } from './page.js';

const MAX_RETRIES = 5;
const COPIED_MS = 3000;

export class Panel {
  /**
   * @param {string} id of the section.
   * @param {() => Promise<void>} update sends the panel's requests and shows what came
   *   back. It is run after each change, one run at a time.
   */
  constructor(id, update) {
    this.section = document.getElementById(id);
    this.exchanges = []; // of the last update that succeeded
    this.addProgram();
    this.run = latest((task) => this.attempt(task));
    this.update = () => this.run(update);
    connection.addEventListener('back', () => {
      if (this.failed) this.update();
    });
  }

  /** Send a request, keep it for those who want to repeat it, return its response. */
  async request(path, body, accept = 'application/json') {
    const response = await call(path, body, accept);
    this.sent.push({ url: urlOf(path), body, accept, response });
    return response;
  }

  /** Do not offer the requests so far to those who want to repeat them. */
  forget() {
    this.sent = [];
  }

  async attempt(task) {
    this.failed = false;
    this.section.setAttribute('aria-busy', 'true');
    try {
      await this.withRetries(task);
      this.showErrors('', []);
    } catch (error) {
      this.failed = true;
      if (error instanceof ProblemError) this.showErrors(error.message, error.errors);
      else if (!(error instanceof LostError)) throw error;
    } finally {
      this.section.setAttribute('aria-busy', 'false');
    }
  }

  /** Run a task; wait and repeat it while the service is overloaded. */
  async withRetries(task) {
    for (let count = 0; ; count += 1) {
      try {
        this.forget();
        await task();
        if (this.sent.length) this.keep(this.sent);
        return;
      } catch (error) {
        if (!error.retryAfter || count === MAX_RETRIES) throw error;
        this.showErrors(error.message, []);
        await new Promise((resolve) => setTimeout(resolve, error.retryAfter * 1000));
      }
    }
  }

  /** Offer requests, with their responses, to those who want to repeat them. */
  keep(exchanges) {
    this.exchanges = exchanges;
    this.program.hidden = false;
    if (this.details.open) this.showJson();
  }

  /** Show each error beside its field, and a problem without a field below the title. */
  showErrors(message, errors) {
    for (const field of this.section.querySelectorAll('[data-field]')) {
      const found = errors.find(({ pointer }) => pointer.split('/')[1] === field.dataset.field);
      this.showError(field, found?.detail ?? '');
      if (found) message = '';
    }
    this.problem.textContent = message;
  }

  showError(field, text) {
    if (field.matches('.error')) {
      field.textContent = text;
      return;
    }
    let place = field.querySelector('.error');
    if (!place && !text) return;
    if (!place) {
      const id = `error-${this.section.id}-${field.dataset.field}`;
      place = element('p', { className: 'error', id, role: 'alert' });
      field.append(place);
    }
    place.textContent = text;
    const control = field.querySelector('input, select');
    control.setAttribute('aria-invalid', text ? 'true' : 'false');
    control.setAttribute('aria-describedby', place.id);
  }

  addProgram() {
    this.problem = element('p', { className: 'error', role: 'alert' });
    this.section.querySelector('.lead').after(this.problem);
    this.json = element('pre', { tabIndex: 0 });
    this.details = element('details', {}, element('summary', {}, 'JSON'), this.json);
    this.details.ontoggle = () => this.details.open && this.showJson();
    this.copied = element('span', { className: 'hint', 'aria-hidden': 'true' });
    const button = (text, write) =>
      element('button', { type: 'button', onclick: () => this.copyProgram(text, write) }, `Copy as ${text}`);
    this.program = element('footer', { className: 'program', hidden: true },
      element('p', {}, 'The same by program:'),
      button('curl', asCurl), button('Python', asPython), this.copied, this.details);
    this.section.append(this.program);
  }

  async copyProgram(name, write) {
    const programs = this.exchanges.map((exchange) =>
      write({ ...exchange, needsKey: hasKey() }));
    await copy(programs.join('\n'));
    announce(`Copied as ${name}.`);
    this.copied.textContent = `Copied as ${name}.`;
    setTimeout(() => { this.copied.textContent = ''; }, COPIED_MS);
  }

  showJson() {
    this.json.textContent = this.exchanges.map(exchangeText).join('\n\n');
  }
}

function exchangeText({ url, body, response }) {
  const sent = body === undefined ? `GET ${url}` : `POST ${url}\n${readableJson(body)}`;
  const received = response instanceof Blob
    ? `${response.type}, ${response.size.toLocaleString('en')} bytes`
    : readableJson(response);
  return `${sent}\n\n${received}`;
}
