/** Things that a panel can start from: the picture on the pad, pins, labels. */

import { element } from './page.js';
import { currentPicture, pinned, seen } from './seen.js';

/**
 * Keep the options of a select up to date.
 *
 * Return functions that give the thing that is chosen, and choose another.
 */
export function choosePoints(select, card, more = []) {
  const labels = card.statistics ? card.labels : [];
  const fixed = [
    ...labels.map(({ name }) => ({ name: `Label ${name}`, point: { label: name } })),
    ...card.examples.map((image, index) => ({ name: `Sample ${index + 1}`, image, point: { image } })),
    ...more,
  ];
  let things = [];

  function update() {
    const chosen = things[select.selectedIndex];
    const drawn = currentPicture();
    things = [...(drawn ? [drawn] : []), ...pinned(), ...fixed];
    select.replaceChildren(...things.map(({ name }) => element('option', {}, name)));
    // The picture on the pad is another thing after each stroke.
    const kept = things.findIndex((thing) => thing === chosen || thing.name === chosen?.name);
    select.selectedIndex = Math.max(kept, 0);
  }

  seen.addEventListener('change', update);
  update();
  return {
    chosen: () => things[select.selectedIndex],
    choose: (thing) => { select.selectedIndex = Math.max(things.indexOf(thing), 0); },
  };
}
