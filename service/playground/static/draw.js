/** Draw or drop: a picture, its reconstruction, its likelihood and its label. */

import { startCamera } from './camera.js';
import { Overlay } from './overlay.js';
import { Pad } from './pad.js';
import { blobOf, byId, element, imageUrl, nameWidth, pictureButton, rounded } from './page.js';
import { Panel } from './panel.js';
import { pin, setCurrentPicture } from './seen.js';

const MAX_BARS = 10;
const NUMBERS = [
  ['squared_error', 'Squared error', 'sum over the pixels'],
  ['kl_divergence', 'KL divergence', 'nats'],
  ['elbo', 'ELBO', 'nats, higher is likelier'],
];

export function startDraw(card) {
  let changes = 0;
  const pad = new Pad(byId('pad'), card.image, colorsOf(card), () => {
    changes += 1;
    panel.update();
  });
  const overlay = new Overlay(byId('found'), pad);
  const panel = new Panel('draw', async () => {
    const before = changes;
    const image = await pad.base64();
    if (image === null) {
      showNothing(overlay);
      return;
    }
    const body = { images: [image], explain: true, inputs: true };
    const reconstructed = await panel.request('/reconstruct', body);
    showReconstruction(image, reconstructed, overlay);
    // The picture need not be fitted again.
    const fitted = { images: reconstructed.inputs, fit: 'none' };
    const { scores } = await panel.request('/score', fitted);
    showScore(scores[0], card.labels);
    const isMoving = changes !== before; // the next picture comes first
    if (card.inspection && !isMoving) {
      showUnusual(await panel.request('/inspect', { ...fitted, maps: false }));
    }
  });
  pad.onpen = (pen, isDown) => overlay.showPen(pen, isDown);
  connectTools(pad, panel, card);
  connectFiles(pad);
  showSamples(card, pad);
  return {};
}

/** Return the colours of paper and pen, as the model's own images have them. */
function colorsOf(card) {
  if (card.fit.method === 'ink') return { background: '#000000', ink: '#ffffff' };
  const background = hexColor(card.fit.background ?? [0]);
  const isDark = parseInt(background.slice(3, 5), 16) < 128;
  return { background, ink: isDark ? '#ffffff' : '#202020' };
}

function hexColor(levels) {
  const channels = levels.length === 3 ? levels : [levels[0], levels[0], levels[0]];
  return `#${channels.map((level) => level.toString(16).padStart(2, '0')).join('')}`;
}

function connectTools(pad, panel, card) {
  const ink = byId('ink');
  byId('ink-field').hidden = card.image.color === 'grey';
  ink.value = pad.ink;
  ink.oninput = () => { pad.ink = ink.value; };
  byId('pen').oninput = (event) => { pad.penWidth = Number(event.target.value); };
  byId('clear').onclick = () => {
    pad.clear();
    panel.update();
  };
  byId('draw-pin').onclick = () => pin({ ...shown });
  byId('draw-explore').onclick = () => { location.hash = '#latent'; };
}

/** Take a picture that is chosen, dropped, pasted, or taken by the camera. */
function connectFiles(pad) {
  const file = byId('file');
  file.onchange = () => {
    if (file.files[0]) pad.show(file.files[0]);
    file.value = '';
  };
  const drop = byId('drop');
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add('over');
  };
  drop.ondragleave = () => drop.classList.remove('over');
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    if (event.dataTransfer.files[0]) pad.show(event.dataTransfer.files[0]);
  };
  addEventListener('paste', (event) => {
    const pasted = event.clipboardData?.files[0];
    if (pasted && !byId('draw').hidden) pad.show(pasted);
  });
  startCamera(byId('camera'), (picture) => pad.show(picture));
}

function showSamples(card, pad) {
  const buttons = card.examples.map((image, index) =>
    pictureButton(image, `Sample ${index + 1}`, () => pad.show(blobOf(image))));
  byId('samples').replaceChildren(...buttons);
}

let shown = null;

function showReconstruction(image, { images, inputs, fitted }, overlay) {
  byId('fitted-picture').src = imageUrl(inputs[0]);
  byId('reconstruction').src = imageUrl(images[0]);
  setShown(true);
  shown = { name: 'Your picture', image: images[0], point: { image } };
  setCurrentPicture(shown);
  overlay.showBox(fitted[0].cropped);
  byId('fitted').textContent = describeFit(fitted[0]);
}

function showNothing(overlay) {
  setShown(false);
  setCurrentPicture(null);
  overlay.showBox(null);
  byId('fitted').textContent = '';
  byId('likelihood').replaceChildren();
}

function setShown(isShown) {
  byId('result').hidden = !isShown;
  byId('draw-empty').hidden = isShown;
  byId('draw-pin').disabled = !isShown;
  byId('draw-explore').disabled = !isShown;
  if (isShown) return;
  byId('unusual').hidden = true;
  byId('labels').hidden = true;
}

/** Say what was done to a picture to bring it to the model's size. */
function describeFit(fitted) {
  const steps = [];
  if (fitted.oriented) steps.push('turned upright');
  if (fitted.inverted) steps.push('inverted');
  if (fitted.cropped) steps.push('cropped to the dashed frame');
  if (fitted.scaled) steps.push(`scaled to ${fitted.scaled.join(' × ')} pixels`);
  if (fitted.removed?.length) steps.push(`without ${fitted.removed.join(', ')}`);
  const text = steps.length ? `Your picture was ${steps.join(', ')}.` : 'Your picture was used unchanged.';
  if (fitted.confidence == null || fitted.confidence > 0.6) return text;
  return `${text} Not sure that this is the drawing: confidence ${rounded(fitted.confidence)}.`;
}

function showScore(score, labels) {
  const rows = NUMBERS.map(([key, name, unit]) => element('div', {},
    element('dt', {}, name, ' ', element('small', {}, unit)),
    element('dd', {}, rounded(score[key]))));
  byId('likelihood').replaceChildren(...rows);
  byId('labels').hidden = !score.probabilities;
  if (score.probabilities) showBars(score, labels);
}

function showUnusual({ inspections, false_alarm_rate: rate }) {
  const { percentile, anomalous } = inspections[0];
  byId('unusual').hidden = false;
  byId('unusual-meter').value = percentile;
  byId('unusual-meter').high = 100 * (1 - rate);
  byId('unusual-text').textContent = `${anomalous ? 'Anomalous: more' : 'More'} unusual than `
    + `${rounded(percentile)} % of pictures kept out of training`;
}

function showBars({ label, probabilities }, labels) {
  // Names that are numbers would come first among an object's.
  let rows = labels.map(({ name }) => [name, probabilities[name]])
    .filter(([, probability]) => probability !== undefined);
  if (rows.length > MAX_BARS) rows = rows.sort((a, b) => b[1] - a[1]).slice(0, MAX_BARS);
  byId('bars').style.setProperty('--name', nameWidth(rows.map(([name]) => name)));
  const items = rows.map(([name, probability]) => {
    const bar = element('span', { className: 'bar', 'aria-hidden': 'true' });
    bar.style.setProperty('--share', probability);
    const percent = `${(100 * probability).toFixed(1)} %`;
    const item = element('li', {}, element('span', {}, name), bar, element('span', {}, percent));
    if (name === label) item.className = 'best';
    return item;
  });
  byId('bars').replaceChildren(...items);
}
