/** Latent: sliders for single dimensions; the picture follows. */

import { largestFirst, meanDivergences } from './gaussian.js';
import { byId, element, imageUrl, rounded } from './page.js';
import { Panel } from './panel.js';
import { choosePoints } from './points.js';
import { currentPicture, pin } from './seen.js';

const FEW = 12; // sliders, until all are asked for
const RANGE = 4;
const SAMPLES = 11; // allowed by every VAE_MAX_ITEMS
const PRIOR = 'A random point of the prior';

export function startLatent(card) {
  const select = byId('latent-start');
  const points = choosePoints(select, card, [{ name: PRIOR, point: null }]);
  const sliders = new Sliders(() => panel.update());
  let started = null; // the thing that the sliders show

  const panel = new Panel('latent', async () => {
    if (!sliders.divergences) await sliders.measure(panel, card);
    if (started !== points.chosen()) {
      const thing = points.chosen();
      sliders.show(await latentOf(thing, panel));
      started = thing;
    }
    const { images } = await panel.request('/decode', { latents: [sliders.values()] });
    showPicture(images[0]);
  });

  function restart() {
    started = null;
    panel.update();
  }

  select.onchange = restart;
  byId('latent-reset').onclick = restart;
  byId('latent-all').onchange = () => sliders.show(sliders.values());
  byId('latent-pin').onclick = () =>
    pin({ name: 'A latent', image: shownImage, point: { latent: sliders.values() } });
  let drawn = null;
  return {
    onOpen() {
      if (currentPicture() && currentPicture() !== drawn) points.choose(currentPicture());
      drawn = currentPicture();
      panel.update();
    },
  };
}

/** Return the latent of a thing that was seen. */
async function latentOf({ point }, panel) {
  if (point === null) {
    const seed = Math.floor(Math.random() * 1_000_000);
    const body = { count: 1, source: 'prior', seed };
    return (await panel.request('/generate', body)).latents[0];
  }
  if (point.latent) return point.latent;
  if (point.image) {
    return (await panel.request('/encode', { images: [point.image] })).latents[0].mean;
  }
  const body = { terms: [{ weight: 1, label: point.label }], clip: false };
  return (await panel.request('/arithmetic', body)).latent;
}

let shownImage = null;

function showPicture(image) {
  shownImage = image;
  byId('latent-picture').src = imageUrl(image);
  byId('latent-picture').alt = 'The picture at this point';
  byId('latent-pin').disabled = false;
}

/** The sliders, those of the dimensions with most information first. */
class Sliders {
  constructor(onmove) {
    this.place = byId('latent-sliders');
    this.place.oninput = (event) => {
      this.latent[event.target.dataset.dimension] = event.target.valueAsNumber;
      const output = event.target.previousElementSibling.querySelector('output');
      output.value = event.target.valueAsNumber.toFixed(2);
      onmove();
    };
    this.divergences = null;
  }

  /** Measure the information in each dimension with pictures of the model. */
  async measure(panel, card) {
    const source = card.statistics ? 'sampler' : 'prior';
    const body = { count: SAMPLES, seed: 1, source };
    const { images } = await panel.request('/generate', body);
    const { latents } = await panel.request('/encode', { images });
    this.divergences = meanDivergences(latents);
    this.order = largestFirst(this.divergences);
    byId('latent-all').closest('label').hidden = this.order.length <= FEW;
    byId('latent-count').textContent = this.order.length;
  }

  values() {
    return this.latent;
  }

  show(latent) {
    this.latent = [...latent];
    const count = byId('latent-all').checked ? this.order.length : FEW;
    const rows = this.order.slice(0, count).map((dimension) => this.slider(dimension));
    this.place.replaceChildren(...rows);
  }

  slider(dimension) {
    const value = this.latent[dimension];
    const limit = Math.max(RANGE, Math.ceil(Math.abs(value)));
    const input = element('input', {
      type: 'range', min: -limit, max: limit, step: 'any', id: `z${dimension}`,
    });
    input.value = value;
    input.dataset.dimension = dimension;
    const output = element('output', {}, value.toFixed(2));
    const name = element('span', {}, `z[${dimension}] `,
      element('small', {}, `${rounded(this.divergences[dimension])} nats`));
    return element('div', { className: 'field' },
      element('label', { htmlFor: input.id }, name, output), input);
  }
}
