/** Inspect: a verdict on one picture, or on a folder of them. */

import { droppedFiles } from './dropped.js';
import { paintMap } from './heat.js';
import { measureQuantiles, showHistogram } from './histogram.js';
import { InspectionTable } from './inspection_table.js';
import { base64Of, blobOf, byId, imageUrl, pictureButton, rounded } from './page.js';
import { Panel } from './panel.js';
import { currentPicture } from './seen.js';

const MAX_RATE = 0.5;

export function startInspect(card) {
  if (!card.inspection) return { isAvailable: false };
  const rates = new Rates(card.inspection);
  let chosen = { name: 'Sample 1', blob: blobOf(card.examples[0]) };
  let drawn = null;

  const panel = new Panel('inspect', inspectChosen);

  async function inspectChosen() {
    const image = await base64Of(chosen.blob);
    const body = { images: [image], false_alarm_rate: rates.value() };
    const response = await panel.request('/inspect', body);
    const { inputs, images } = await panel.request('/reconstruct', { images: [image], inputs: true });
    await showInspection(chosen, response, inputs[0], images[0]);
    showHistogram(byId('inspect-histogram'), await rates.quantiles(image), response);
    table.judge(response.threshold);
  }

  function choose(item) {
    chosen = item;
    panel.update();
  }

  const table = new InspectionTable(choose);

  /** Inspect files one after another; a file that is rejected does not stop the others. */
  async function inspectAll(files) {
    if (files.length === 1) {
      choose({ name: files[0].name, blob: files[0] });
      return;
    }
    await panel.run(async () => {
      await table.fill(files, (image) => {
        const body = { images: [image], false_alarm_rate: rates.value(), maps: false };
        panel.forget();
        return panel.request('/inspect', body);
      });
      chosen = table.first() ?? chosen;
      panel.forget();
      await inspectChosen();
    });
  }

  connectFiles(inspectAll);
  rates.onchange = () => panel.update();
  const opacity = byId('inspect-opacity');
  opacity.oninput = () => { byId('inspect-map').style.opacity = opacity.value; };
  byId('inspect-samples').replaceChildren(...card.examples.map((image, index) => {
    const name = `Sample ${index + 1}`;
    return pictureButton(image, name, () => choose({ name, blob: blobOf(image) }));
  }));
  return {
    onOpen() {
      const picture = currentPicture();
      if (picture && picture !== drawn) chosen = { name: picture.name, blob: blobOf(picture.point.image) };
      drawn = picture;
      panel.update();
    },
  };
}

function connectFiles(inspectAll) {
  for (const id of ['inspect-files', 'inspect-folder']) {
    const input = byId(id);
    input.onchange = () => {
      const files = [...input.files];
      input.value = '';
      if (files.length) inspectAll(files);
    };
  }
  const drop = byId('inspect-drop');
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add('over');
  };
  drop.ondragleave = () => drop.classList.remove('over');
  drop.ondrop = async (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    const files = await droppedFiles(event.dataTransfer);
    if (files.length) inspectAll(files);
  };
}

async function showInspection({ name }, response, input, reconstruction) {
  const [inspection] = response.inspections;
  const verdict = byId('inspect-verdict');
  verdict.textContent = inspection.anomalous ? 'Anomalous' : 'Nothing unusual';
  verdict.className = inspection.anomalous ? 'verdict bad' : 'verdict';
  byId('inspect-text').textContent = describe(name, inspection, response.threshold);
  byId('inspect-picture').src = imageUrl(input);
  byId('inspect-picture').alt = `${name}, as the model sees it`;
  byId('inspect-reconstruction').src = imageUrl(reconstruction);
  await paintMap(byId('inspect-map'), inspection.map);
}

function describe(name, { score, percentile, regions }, threshold) {
  const places = regions.length === 1 ? '1 region' : `${regions.length} regions`;
  return `${name}: score ${rounded(score)}, threshold ${rounded(threshold)}, higher than `
    + `${rounded(percentile)} % of good pictures; ${places} above the threshold.`;
}

/** The false-alarm rate, on a logarithmic slider, and the scores of other rates. */
class Rates {
  constructor({ images, false_alarm_rate: rate }) {
    this.smallest = 1 / (images + 1);
    this.slider = byId('inspect-rate');
    this.slider.min = Math.log10(this.smallest);
    this.slider.max = Math.log10(MAX_RATE);
    this.slider.value = Math.log10(rate);
    this.known = null;
    this.rate = rate;
    this.show();
    this.slider.oninput = () => {
      this.rate = this.fromSlider();
      this.show();
      this.onchange();
    };
  }

  value() {
    return this.rate;
  }

  /** Return the slider's rate, rounded up to two digits: fewer images would not do. */
  fromSlider() {
    const exact = 10 ** this.slider.valueAsNumber;
    const unit = 10 ** (Math.floor(Math.log10(exact)) - 1);
    return Number((Math.ceil(exact / unit - 1e-9) * unit).toPrecision(2));
  }

  show() {
    byId('inspect-rate-text').value = `${rounded(100 * this.rate)} %`;
  }

  /** Return scores of good pictures: each with the share of them that are above it. */
  async quantiles(image) {
    this.known ??= await measureQuantiles(image, this.smallest);
    return this.known;
  }
}
