/** Start: load the model card, then show the panels that the model has. */

import { LostError, ProblemError, ROOT, call, connection, useKey, useModel } from './api.js';
import { startDraw } from './draw.js';
import { startGenerate } from './generate.js';
import { startInspect } from './inspect.js';
import { startLatent } from './latent.js';
import { startMap } from './map.js';
import { startModel } from './model.js';
import { byId, element } from './page.js';
import { startWalk } from './walk.js';

const MODEL = 'model'; // in the query of the page's address
const PANELS = [
  ['draw', 'Draw', startDraw],
  ['inspect', 'Inspect', startInspect],
  ['latent', 'Latent', startLatent],
  ['walk', 'Walk', startWalk],
  ['generate', 'Generate', startGenerate],
  ['map', 'Map', startMap],
  ['model', 'Model', startModel],
];

async function start() {
  showModels((await call('/models')).models);
  const card = await call('/model');
  showCard(card);
  const panels = PANELS.map(([id, name, open]) => ({ id, name, ...open(card) }));
  const shown = panels.filter((panel) => panel.isAvailable !== false);
  const links = shown.map(({ id, name }) => element('a', { href: `#${id}` }, name));
  byId('nav').replaceChildren(...links);
  const show = () => showPanel(panels, shown);
  addEventListener('hashchange', show);
  byId('frame').hidden = false;
  show();
}

/** Show the panel that the address names, by default the first. */
function showPanel(panels, shown) {
  const open = shown.find(({ id }) => `#${id}` === location.hash) ?? shown[0];
  for (const panel of panels) {
    if (panel !== open) panel.onClose?.();
    byId(panel.id).hidden = panel !== open;
  }
  for (const link of byId('nav').children) {
    if (link.hash === `#${open.id}`) {
      link.setAttribute('aria-current', 'page');
      link.scrollIntoView({ block: 'nearest', inline: 'center' });
    } else link.removeAttribute('aria-current');
  }
  // After the browser has scrolled to the section: the title is above it.
  requestAnimationFrame(() => scrollTo(0, 0));
  open.onOpen?.();
}

/** Offer the models that are loaded, if there are several. */
function showModels(models) {
  const ready = models.filter(({ state }) => state === 'ready');
  const select = byId('models');
  const chosen = chosenModel() ?? ready.find((model) => model.default)?.name;
  select.replaceChildren(...ready.map(({ name, title }) =>
    element('option', { value: name, selected: name === chosen }, title ?? name)));
  byId('models-field').hidden = ready.length < 2;
  select.onchange = () => {
    location.search = new URLSearchParams({ [MODEL]: select.value });
  };
}

/** Return the name of the model in the address of the page. */
function chosenModel() {
  return new URLSearchParams(location.search).get(MODEL);
}

function showCard(card) {
  const { width, height, color } = card.image;
  const parts = [`${width} × ${height} pixels`, color === 'grey' ? 'grey' : 'colour'];
  if (card.labels.length) parts.push(`${card.labels.length} labels`);
  parts.push(`${card.latent_size} latent numbers`);
  document.title = `${card.title} – playground`;
  byId('title').textContent = card.title;
  byId('subtitle').textContent = `A variational autoencoder: ${parts.join(', ')}`;
  for (const place of document.querySelectorAll('[data-card]')) {
    place.textContent = card[place.dataset.card];
  }
  const style = document.documentElement.style;
  style.setProperty('--ratio', width / height);
  style.setProperty('--rendering', Math.max(width, height) < 150 ? 'pixelated' : 'auto');
}

/** Start, and again after a key was given or the service is back. */
async function startOrWait() {
  try {
    await start();
  } catch (error) {
    if (error instanceof LostError) connection.addEventListener('back', startOrWait, { once: true });
    else if (error.status !== 401) {
      byId('subtitle').textContent = error.message;
      if (!(error instanceof ProblemError)) throw error;
    }
  }
}

let hasTried = false;

connection.addEventListener('lost', () => { byId('lost').hidden = false; });
connection.addEventListener('back', () => { byId('lost').hidden = true; });
connection.addEventListener('unauthorized', () => {
  byId('key-form').hidden = false;
  byId('key-error').textContent = hasTried ? 'This API key is not known.' : '';
  byId('key').focus();
});
byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  hasTried = true;
  useKey(byId('key').value);
  byId('key-form').hidden = true;
  if (byId('frame').hidden) startOrWait();
  else connection.dispatchEvent(new Event('back'));
});
useModel(chosenModel());
byId('docs').href = new URL('docs', ROOT);
startOrWait();
