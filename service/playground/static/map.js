/** Map: the latent space on a plane; pointing decodes, clicking pins. */

import { Embedding } from './embedding.js';
import { byId, element, imageUrl } from './page.js';
import { Panel } from './panel.js';
import { Plot, colorOf } from './plot.js';
import { pin } from './seen.js';

const WANTED = [200, 100, 11]; // points of each request; the last is always allowed
const REQUESTS = 2;
const TEMPERATURE = 0.7; // typical points: the clusters are clearer
const STEPS_PER_FRAME = 8;
const NEIGHBOURS = 5;

export function startMap(card) {
  if (!card.statistics) return { isAvailable: false };
  let sample = null;
  let target = null; // where the pointer is
  let shown = null;

  const panel = new Panel('map', async () => {
    if (!sample) {
      sample = await drawSample(panel, card.labels);
      await showEmbedding(sample, card, plot);
      target ??= plot.centre();
    }
    const near = nearest(sample, target);
    const latent = average(sample, near);
    const { images } = await panel.request('/decode', { latents: [latent] });
    shown = { name: 'A point of the map', image: images[0], point: { latent } };
    showPoint(shown, sample.labels[near[0].index]);
  });
  const plot = new Plot(byId('map-plot'), (point) => {
    target = point;
    if (sample?.positions) panel.update();
  }, () => shown && pin({ ...shown }));
  showLegend(card.labels);
  return { onOpen: () => (sample ? plot.show() : panel.update()) };
}

/** Draw points of the model's clusters, as many as the service allows at once. */
async function drawSample(panel, labels) {
  const label = labels.length ? labels.map(({ name }) => name) : undefined;
  for (const count of WANTED) {
    try {
      const responses = [];
      for (let seed = 1; seed <= REQUESTS; seed += 1) {
        responses.push(await panel.request('/generate', {
          count, seed, label, temperature: TEMPERATURE,
        }));
      }
      return {
        latents: responses.flatMap(({ latents }) => latents),
        labels: responses.flatMap((response) => response.labels ?? []),
      };
    } catch (error) {
      if (error.status !== 422 || count === WANTED.at(-1)) throw error;
    }
  }
}

/** Compute the positions, a few steps a frame, and show how they form. */
async function showEmbedding(sample, card, plot) {
  const embedding = new Embedding(sample.latents);
  const names = card.labels.map(({ name }) => name);
  const colors = sample.latents.map((_, index) =>
    colorOf(names.indexOf(sample.labels[index]), names.length));
  const showsMotion = !matchMedia('(prefers-reduced-motion: reduce)').matches;
  while (!embedding.isDone) {
    for (let step = 0; step < STEPS_PER_FRAME; step += 1) embedding.step();
    if (showsMotion || embedding.isDone) plot.setPoints(embedding.positions, colors);
    await new Promise((resolve) => setTimeout(resolve));
  }
  sample.positions = embedding.positions;
}

/** Return the nearest points and their distances, the nearest first. */
function nearest({ positions }, target) {
  const found = [];
  for (let index = 0; index < positions.length / 2; index += 1) {
    const x = positions[2 * index] - target.x;
    const y = positions[2 * index + 1] - target.y;
    found.push({ index, distance: Math.hypot(x, y) });
  }
  return found.sort((a, b) => a.distance - b.distance).slice(0, NEIGHBOURS);
}

/** Return the mean of neighbours' latents, the nearer with the greater weight. */
function average({ latents }, near) {
  const width = near.at(-1).distance / 2 || 1;
  const weights = near.map(({ distance }) => Math.exp(-((distance / width) ** 2) / 2));
  const sum = weights.reduce((total, weight) => total + weight, 0) || 1;
  return latents[0].map((_, dimension) =>
    near.reduce((total, { index }, k) => total + weights[k] * latents[index][dimension], 0) / sum);
}

function showPoint({ image }, label) {
  byId('map-picture').src = imageUrl(image);
  byId('map-picture').alt = 'The picture at this point';
  byId('map-label').textContent = label === undefined ? '' : `Nearest label: ${label}`;
}

function showLegend(labels) {
  const items = labels.map(({ name }, index) => {
    const dot = element('span', { className: 'dot', 'aria-hidden': 'true' });
    dot.style.background = colorOf(index, labels.length);
    return element('li', {}, dot, name);
  });
  byId('map-legend').replaceChildren(...items);
}
