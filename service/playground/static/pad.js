/** The pad: draws with mouse, pen, finger or keyboard, and shows pictures. */

import { base64Of } from './page.js';

const LONGER_SIDE = 280;
const STEP = 0.02; // of the longer side: a move by an arrow key

export class Pad {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{width: number, height: number}} size of the model's images.
   * @param {{background: string, ink: string}} colors
   * @param {() => void} onchange is called after each stroke or other change.
   */
  constructor(canvas, size, colors, onchange) {
    const scale = Math.max(1, Math.round(LONGER_SIDE / Math.max(size.width, size.height)));
    canvas.width = size.width * scale;
    canvas.height = size.height * scale;
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { willReadFrequently: true });
    this.background = colors.background;
    this.ink = colors.ink;
    this.penWidth = 5;
    this.longer = Math.max(canvas.width, canvas.height);
    this.onchange = onchange;
    this.clear();
    this.listenToPointer();
    this.listenToKeys();
  }

  clear() {
    this.fill();
    this.file = null; // the picture shown, while nothing is drawn on it
    this.isBlank = true;
    this.placement = { left: 0, top: 0, scale: 1 };
  }

  fill() {
    this.context.fillStyle = this.background;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Show a picture, whole and in the middle; it is sent as it is. */
  async show(blob) {
    this.clear();
    this.file = blob;
    this.isBlank = false;
    try {
      this.draw(await createImageBitmap(blob));
    } catch {
      // The service may know formats that the browser does not, or says what is wrong.
    }
    this.onchange();
  }

  draw(bitmap) {
    const { width, height } = this.canvas;
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    const left = (width - bitmap.width * scale) / 2;
    const top = (height - bitmap.height * scale) / 2;
    this.placement = { left, top, scale };
    this.context.imageSmoothingEnabled = scale < 4;
    this.context.drawImage(bitmap, left, top, bitmap.width * scale, bitmap.height * scale);
  }

  /** Return the picture in base64, or null if nothing was drawn. */
  async base64() {
    if (this.isBlank) return null;
    if (this.file) return base64Of(this.file);
    // toBlob waits until the browser is idle, up to a second.
    return this.canvas.toDataURL().split(',')[1];
  }

  stroke(from, to) {
    if (this.file || this.isBlank) this.placement = { left: 0, top: 0, scale: 1 };
    this.file = null;
    this.isBlank = false;
    const { context } = this;
    context.strokeStyle = this.ink;
    context.lineWidth = this.longer * this.penWidth * 0.015;
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    this.onchange();
  }

  listenToPointer() {
    const { canvas } = this;
    let last = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      last = this.position(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!last) return;
      const moves = event.getCoalescedEvents?.() ?? [];
      for (const move of moves.length ? moves : [event]) {
        const next = this.position(move);
        this.stroke(last, next);
        last = next;
      }
    });
    canvas.addEventListener('pointerup', () => {
      if (last) this.stroke(last, last); // a click is a dot
      last = null;
    });
    canvas.addEventListener('pointercancel', () => { last = null; });
  }

  position(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * this.canvas.width) / box.width,
      y: ((event.clientY - box.top) * this.canvas.height) / box.height,
    };
  }

  /** Arrows move the pen, Space lowers and lifts it. */
  listenToKeys() {
    const { canvas } = this;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    let isDown = false;
    let pen = { x: canvas.width / 2, y: canvas.height / 4 };
    canvas.addEventListener('keydown', (event) => {
      const step = steps[event.key];
      if (!step && event.key !== ' ') return;
      event.preventDefault();
      const last = pen;
      if (step) {
        pen = {
          x: clamp(pen.x + step[0] * STEP * this.longer, canvas.width),
          y: clamp(pen.y + step[1] * STEP * this.longer, canvas.height),
        };
      } else isDown = !isDown;
      if (isDown) this.stroke(last, pen);
      this.onpen?.(pen, isDown);
    });
    canvas.addEventListener('blur', () => {
      isDown = false;
      this.onpen?.(null, false);
    });
  }
}

function clamp(value, limit) {
  return Math.min(Math.max(value, 0), limit);
}
