/** Calls of the service, its problems, and its absence. */

// This module is at ROOT/playground/HASH/api.js, behind any prefix of a proxy.
export const ROOT = new URL('../../', import.meta.url);
const RETRY_MS = 1000;

const LIST = '/models'; // of all models
const CARD = '/model';

let key = '';
let model = null; // its name, or null for the default model
export const connection = new EventTarget(); // events: lost, back, unauthorized

/** A problem (RFC 9457) that the service responded with. */
export class ProblemError extends Error {
  constructor(problem, retryAfter) {
    super(problem.detail);
    this.errors = problem.errors ?? [];
    this.status = problem.status;
    this.retryAfter = retryAfter;
  }
}

/** The service could not be reached. */
export class LostError extends Error {}

export function useKey(value) {
  key = value;
}

/** Send the requests that follow to a model of this name. */
export function useModel(name) {
  model = name;
}

/** Return the address of a path of the model in use. */
export function urlOf(path) {
  if (model === null || path === LIST) return new URL(path.slice(1), ROOT).href;
  const rest = path === CARD ? '' : path;
  return new URL(`models/${encodeURIComponent(model)}${rest}`, ROOT).href;
}

export function hasKey() {
  return key !== '';
}

/** Send a request; return the JSON of the response, or a blob for another type. */
export async function call(path, body, accept = 'application/json') {
  const headers = { Accept: accept };
  if (key) headers['X-API-Key'] = key;
  const options = { headers };
  if (body !== undefined) {
    options.method = 'POST';
    options.body = JSON.stringify(body);
    headers['Content-Type'] = 'application/json';
  }
  const response = await reach(path, options);
  if (!response.ok) throw await problemOf(response);
  return accept === 'application/json' ? response.json() : response.blob();
}

async function reach(path, options) {
  try {
    return await fetch(urlOf(path), options);
  } catch {
    lose();
    throw new LostError();
  }
}

async function problemOf(response) {
  let problem;
  try {
    problem = await response.json();
  } catch {
    problem = { detail: `The service responded with status ${response.status}.` };
  }
  problem.status = response.status;
  if (response.status === 401) connection.dispatchEvent(new Event('unauthorized'));
  return new ProblemError(problem, Number(response.headers.get('Retry-After')) || 0);
}

let isLost = false;

/** Report that the service is lost, and again when it is back. */
function lose() {
  if (isLost) return;
  isLost = true;
  connection.dispatchEvent(new Event('lost'));
  setTimeout(lookAgain, RETRY_MS);
}

async function lookAgain() {
  try {
    const response = await fetch(new URL('livez', ROOT));
    if (!response.ok) throw new LostError();
    isLost = false;
    connection.dispatchEvent(new Event('back'));
  } catch {
    setTimeout(lookAgain, RETRY_MS);
  }
}
