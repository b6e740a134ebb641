/** A histogram of good pictures' scores, from thresholds of many false-alarm rates. */

import { call } from './api.js';
import { rounded } from './page.js';

const RATES = [0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01];
const [WIDTH, HEIGHT, BASE] = [400, 90, 70]; // the base line is at BASE

/** Return the threshold of each rate that enough images were calibrated for. */
export async function measureQuantiles(image, smallest) {
  const known = [];
  for (const rate of RATES.filter((each) => each >= smallest)) {
    const body = { images: [image], false_alarm_rate: rate, maps: false };
    known.push({ rate, score: (await call('/inspect', body)).threshold });
  }
  return known;
}

/** Return bars between quantiles, each with the share of pictures as its area. */
export function barsOf(quantiles) {
  const bars = [];
  for (let index = 1; index < quantiles.length; index += 1) {
    const [low, high] = [quantiles[index - 1], quantiles[index]];
    const width = high.score - low.score;
    if (width > 0) bars.push({ from: low.score, to: high.score, density: (low.rate - high.rate) / width });
  }
  return bars;
}

/** Draw the bars, the threshold, and the picture's score. */
export function showHistogram(svg, quantiles, { threshold, inspections }) {
  const [{ score, anomalous }] = inspections;
  const bars = barsOf(quantiles);
  const first = Math.min(quantiles[0]?.score ?? 0, score, threshold);
  const widest = Math.max(quantiles.at(-1)?.score ?? 0, threshold);
  const span = (widest - first) * 1.4 || 1;
  const place = (value) => Math.min(Math.max((value - first) / span, 0), 1) * (WIDTH - 16) + 8;
  const highest = Math.max(...bars.map(({ density }) => density), 0);
  const shapes = bars.map(({ from, to, density }) => {
    const height = Math.max((density / highest) * (BASE - 8), 1);
    const width = Math.max(place(to) - place(from) - 1, 1);
    return shape('rect', { x: place(from), y: BASE - height, width, height, class: 'good' });
  });
  shapes.push(line(8, BASE, WIDTH - 8, BASE, 'base'));
  shapes.push(line(place(threshold), 4, place(threshold), BASE, 'threshold'));
  shapes.push(text(place(threshold), HEIGHT - 4, 'threshold'));
  shapes.push(shape('circle', { cx: place(score), cy: BASE, r: 6, class: anomalous ? 'bad' : 'own' }));
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('aria-label', `The score ${rounded(score)} among those of good pictures, with the threshold ${rounded(threshold)}`);
  svg.replaceChildren(...shapes);
}

function shape(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function line(x1, y1, x2, y2, name) {
  return shape('line', { x1, y1, x2, y2, class: name });
}

function text(x, y, content) {
  const anchor = x > WIDTH * 0.85 ? 'end' : x < WIDTH * 0.15 ? 'start' : 'middle';
  const made = shape('text', { x, y, 'text-anchor': anchor });
  made.textContent = content;
  return made;
}
