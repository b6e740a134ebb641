/** Generate: a sheet of new pictures by label, temperature and seed. */

import { byId, element, pictureButton } from './page.js';
import { Panel } from './panel.js';
import { pin } from './seen.js';

const MAX_SEED = 1_000_000;

export function startGenerate(card) {
  const section = byId('generate');
  const hasSampler = Boolean(card.statistics);
  const panel = new Panel('generate', async () => {
    const response = await panel.request('/generate', requestOf(section));
    showSheet(response);
  });
  showLabels(hasSampler ? card.labels : []);
  if (!hasSampler) {
    byId('source').value = 'prior';
    byId('source').disabled = true;
  }
  section.oninput = () => {
    showFields();
    panel.update();
  };
  section.querySelector('form').onsubmit = (event) => event.preventDefault();
  byId('reseed').onclick = () => {
    byId('seed').value = Math.floor(Math.random() * MAX_SEED);
    panel.update();
  };
  showFields();
  let isOpen = false;
  return {
    onOpen() {
      if (!isOpen) panel.update();
      isOpen = true;
    },
  };
}

function showLabels(labels) {
  const chips = labels.map(({ name }) =>
    element('label', { className: 'chip' },
      element('input', { type: 'checkbox', name: 'label', value: name }),
      element('span', {}, name)));
  byId('generate-labels').hidden = chips.length === 0;
  byId('generate-labels').querySelector('.chips').replaceChildren(...chips);
}

function showFields() {
  const isPrior = byId('source').value === 'prior';
  byId('generate-labels').disabled = isPrior;
  document.querySelector('output[for=temperature]').value = byId('temperature').value;
}

/** Return the request's body for what the form says. */
function requestOf(section) {
  const body = {
    count: byId('count').valueAsNumber,
    temperature: byId('temperature').valueAsNumber,
    seed: byId('seed').valueAsNumber,
    source: byId('source').value,
  };
  const checked = [...section.querySelectorAll('[name=label]:checked')];
  if (checked.length && body.source === 'sampler') {
    body.label = checked.map((box) => box.value);
  }
  return body;
}

function showSheet({ images, latents, labels }) {
  const buttons = images.map((image, index) => {
    const name = labels?.[index] ? `New ${labels[index]}` : 'New picture';
    const thing = { name, image, point: { latent: latents[index] } };
    return pictureButton(image, name, () => pin(thing));
  });
  byId('sheet').replaceChildren(...buttons);
}
