/** Model: the card in words and pictures. */

import { byId, element, nameWidth, picture, rounded } from './page.js';
import { Panel } from './panel.js';

const QUALITY = [
  ['squared_error_per_pixel', 'Squared error per pixel'],
  ['structural_similarity', 'Structural similarity'],
  ['kl_divergence', 'KL divergence, nats'],
  ['negative_elbo', 'Negative ELBO, nats'],
  ['active_units', 'Active units'],
  ['knn_accuracy', 'Accuracy of nearest neighbours'],
  ['linear_probe_accuracy', 'Accuracy of a linear probe'],
];
const FITS = {
  ink: 'find the ink, scale and centre it',
  stretch: 'scale the whole image',
  pad: 'scale it to fit inside',
  crop: 'scale its central part',
};

export function startModel() {
  const panel = new Panel('model', async () => showCard(await panel.request('/model')));
  return { onOpen: () => panel.update() };
}

function showCard(card) {
  byId('model-examples').replaceChildren(
    ...card.examples.map((image, index) => picture(image, `Sample ${index + 1}`)),
  );
  byId('model-facts').replaceChildren(...rows(factsOf(card)));
  byId('model-layers').replaceChildren(...layersOf(card));
  byId('model-quality-card').hidden = !card.quality;
  byId('model-quality').replaceChildren(...rows(qualityOf(card.quality ?? {})));
  byId('model-labels-card').hidden = card.labels.length === 0;
  byId('model-labels').replaceChildren(...labelBars(card.labels));
}

function factsOf(card) {
  const { width, height, channels, color } = card.image;
  const images = Object.entries(card.data.images).map(([name, count]) => `${number(count)} ${name}`);
  return [
    ['Name', `${card.name}, version ${card.version}`],
    ['Images', `${width} × ${height} × ${channels}, ${color}`],
    ['Other sizes', FITS[card.fit.method] ?? card.fit.method],
    ['Latent', `${card.latent_size} numbers`],
    ['Parameters', number(card.parameters)],
    ['Data', card.data.name],
    ['Number of images', images.join(', ')],
    ['Licence', card.licence ?? 'not given'],
  ];
}

function qualityOf(quality) {
  return QUALITY.filter(([key]) => typeof quality[key] === 'number')
    .map(([key, name]) => [name, rounded(quality[key])]);
}

function rows(pairs) {
  return pairs.map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, value)));
}

function number(value) {
  return value.toLocaleString('en');
}

/** Return the network from the picture to the latent and back, a box a layer. */
function layersOf({ image, layers, latent_size: size }) {
  const shape = [image.channels, image.height, image.width];
  return [
    box('image', shape, 'end'),
    ...layers.encoder.map(layerBox),
    box('latent', [size], 'end'),
    ...layers.decoder.map(layerBox),
    box('image', shape, 'end'),
  ];
}

function layerBox(layer) {
  const name = layer.activation === 'Identity' ? layer.type : `${layer.type}, ${layer.activation}`;
  return box(name, layer.output_shape, '');
}

function box(name, shape, className) {
  return element('li', { className }, element('span', {}, name),
    element('small', {}, shape.join(' × ')));
}

function labelBars(labels) {
  const most = Math.max(...labels.map(({ images }) => images));
  byId('model-labels').style.setProperty('--name', nameWidth(labels.map(({ name }) => name)));
  return labels.map(({ name, images }) => {
    const bar = element('span', { className: 'bar', 'aria-hidden': 'true' });
    bar.style.setProperty('--share', images / most);
    return element('li', {}, element('span', {}, name), bar, element('span', {}, number(images)));
  });
}
