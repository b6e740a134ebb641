/** Walk: a path between two or more pictures, played, and saved as GIF or PNG. */

import { fileName } from './code.js';
import { byId, element, picture, save } from './page.js';
import { Panel } from './panel.js';
import { Player } from './player.js';
import { choosePoints } from './points.js';

const SAVED_SIDE = 224; // pixels
const MAX_PIXELS = 4096; // images x scale x scale, with the default VAE_MAX_ITEMS
const MAX_SCALE = 16;

export function startWalk(card) {
  const points = choosePoints(byId('walk-add'), card);
  const player = new Player();
  let stops = firstStops(card);

  const panel = new Panel('walk', async () => {
    const body = requestOf(stops);
    const { images } = await panel.request('/interpolate', body);
    player.load(images, body.closed);
    showFilm(images, player);
    showStops(images);
    if (player.wantsMotion && !player.timer && !byId('walk').hidden) player.play();
  });

  /** Show the stops; the frames of the path have their pictures. */
  function showStops(images) {
    const steps = byId('walk-steps').valueAsNumber - 1;
    const items = stops.map((stop, index) => {
      const remove = element('button', {
        type: 'button', className: 'small', disabled: stops.length < 3,
        'aria-label': `Remove ${stop.name}`,
        onclick: () => change(stops.filter((other) => other !== stop)),
      }, 'Remove');
      const image = images[index * steps];
      return element('li', {}, picture(image, ''), element('span', {}, stop.name), remove);
    });
    byId('walk-stops').replaceChildren(...items);
  }

  function change(changed) {
    stops = changed;
    panel.update();
  }

  async function saveAs(type) {
    const longer = Math.max(card.image.width, card.image.height);
    await panel.run(async () => {
      const body = requestOf(stops);
      const count = byId('walk-film').children.length;
      const fits = Math.floor(Math.sqrt(MAX_PIXELS / count));
      body.scale = Math.max(1, Math.min(MAX_SCALE, fits, Math.floor(SAVED_SIDE / longer)));
      save(await panel.request('/interpolate', body, type), fileName(type));
    });
  }

  byId('walk-add-button').onclick = () => change([...stops, { ...points.chosen() }]);
  byId('walk-gif').onclick = () => saveAs('image/gif');
  byId('walk-png').onclick = () => saveAs('image/png');
  byId('walk').querySelector('form').oninput = (event) => {
    if (event.target.id !== 'walk-add') panel.update();
  };
  byId('walk').querySelector('form').onsubmit = (event) => event.preventDefault();
  return { onOpen: () => panel.update(), onClose: () => player.pause() };
}

function firstStops(card) {
  return card.examples.slice(0, 2).map((image, index) => ({
    name: `Sample ${index + 1}`, image, point: { image },
  }));
}

function requestOf(stops) {
  return {
    waypoints: stops.map(({ point }) => point),
    path: document.querySelector('[name=path]:checked').value,
    steps: byId('walk-steps').valueAsNumber,
    closed: byId('walk-closed').checked,
  };
}

function showFilm(images, player) {
  const frames = images.map((image, index) => {
    const frame = picture(image, '');
    frame.onclick = () => {
      player.pause();
      player.show(index);
    };
    return frame;
  });
  byId('walk-film').replaceChildren(...frames);
}
