/** Pictures that were seen: the one on the pad, and those that were pinned. */

import { announce, byId, pictureButton } from './page.js';

const MAX_PINS = 40;

/**
 * Seen things have a name, an image in base64, and a point as the API takes it:
 * {image}, {latent} or {label}.
 */
export const seen = new EventTarget(); // events: change
let current = null;
let pins = [];

export function currentPicture() {
  return current;
}

export function setCurrentPicture(thing) {
  current = thing;
  seen.dispatchEvent(new Event('change'));
}

export function pinned() {
  return pins;
}

export function pin(thing) {
  pins = [...pins, thing].slice(-MAX_PINS);
  announce(`Pinned: ${thing.name}.`);
  showPins();
}

function unpin(thing) {
  pins = pins.filter((pinned) => pinned !== thing);
  announce(`No longer pinned: ${thing.name}.`);
  showPins();
}

function showPins() {
  const strip = byId('pins').querySelector('.strip');
  const buttons = pins.map((thing) =>
    pictureButton(thing.image, `${thing.name} (click to remove)`, () => unpin(thing)));
  strip.replaceChildren(...buttons);
  byId('pins').hidden = pins.length === 0;
  seen.dispatchEvent(new Event('change'));
}
