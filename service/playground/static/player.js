/** A player of frames, with a slider; it starts by itself unless motion is unwanted. */

import { byId, imageUrl } from './page.js';

const FRAME_MS = 100;

export class Player {
  constructor() {
    this.picture = byId('walk-picture');
    this.position = byId('walk-position');
    this.button = byId('walk-play');
    this.frames = [];
    this.timer = null;
    this.wantsMotion = !matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.position.oninput = () => {
      this.pause();
      this.show(this.position.valueAsNumber);
    };
    this.button.onclick = () => {
      this.wantsMotion = this.timer === null;
      if (this.wantsMotion) this.play();
      else this.pause();
    };
  }

  /** Set the frames; a closed path goes round, others go back and forth. */
  load(frames, isClosed) {
    this.frames = frames.map(imageUrl);
    this.isClosed = isClosed;
    this.position.max = frames.length - 1;
    this.show(Math.min(this.position.valueAsNumber, frames.length - 1));
  }

  show(index) {
    this.position.value = index;
    this.picture.src = this.frames[index];
    this.picture.alt = `Frame ${index + 1} of ${this.frames.length}`;
  }

  play() {
    this.pause();
    this.button.textContent = 'Pause';
    let direction = 1;
    this.timer = setInterval(() => {
      const last = this.frames.length - 1;
      let index = this.position.valueAsNumber + direction;
      if (index > last || index < 0) {
        if (this.isClosed) index = 0;
        else {
          direction = -direction;
          index = Math.min(Math.max(index + 2 * direction, 0), last);
        }
      }
      this.show(index);
    }, FRAME_MS);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = 'Play';
  }
}
