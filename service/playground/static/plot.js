/** A plot of coloured points on a canvas, with a crosshair for pointer and keys. */

const SIDE = 640; // CSS pixels of the drawing; the page scales it
const MARGIN = 24;
const STEP = 12; // of an arrow key
const RADIUS = 5;

/** Return the colour of a label; points without one are grey. */
export function colorOf(index, count) {
  if (index < 0) return 'hsl(220 10% 55%)';
  const lightness = index % 2 ? 62 : 46;
  return `hsl(${Math.round((360 * index) / count + 210)} 62% ${lightness}%)`;
}

export class Plot {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(point: {x: number, y: number}) => void} onpoint is called with a place in the
   *   points' own coordinates.
   * @param {() => void} onpick is called for a click, and for Enter.
   */
  constructor(canvas, onpoint, onpick) {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    canvas.width = SIDE * ratio;
    canvas.height = SIDE * ratio;
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.context.scale(ratio, ratio);
    this.onpoint = onpoint;
    this.cross = { x: SIDE / 2, y: SIDE / 2 };
    this.positions = null;
    this.listen(onpick);
  }

  setPoints(positions, colors) {
    this.positions = positions;
    this.colors = colors;
    this.fit();
    this.show();
  }

  /** Choose scale and centre so that all points are seen. */
  fit() {
    const xs = this.positions.filter((_, index) => index % 2 === 0);
    const ys = this.positions.filter((_, index) => index % 2 === 1);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    this.scale = (SIDE - 2 * MARGIN) / (Math.max(right - left, bottom - top) || 1);
    this.middle = { x: (left + right) / 2, y: (top + bottom) / 2 };
  }

  /** Return the crosshair's place in the points' coordinates. */
  centre() {
    return {
      x: this.middle.x + (this.cross.x - SIDE / 2) / this.scale,
      y: this.middle.y + (this.cross.y - SIDE / 2) / this.scale,
    };
  }

  show() {
    if (!this.positions) return;
    const { context } = this;
    context.clearRect(0, 0, SIDE, SIDE);
    context.globalAlpha = 0.85;
    this.colors.forEach((color, index) => {
      const x = SIDE / 2 + (this.positions[2 * index] - this.middle.x) * this.scale;
      const y = SIDE / 2 + (this.positions[2 * index + 1] - this.middle.y) * this.scale;
      context.fillStyle = color;
      context.beginPath();
      context.arc(x, y, RADIUS, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
    this.showCross();
  }

  showCross() {
    const { context, cross } = this;
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(cross.x, cross.y, 10, 0, 2 * Math.PI);
    context.moveTo(cross.x - 16, cross.y);
    context.lineTo(cross.x + 16, cross.y);
    context.moveTo(cross.x, cross.y - 16);
    context.lineTo(cross.x, cross.y + 16);
    context.stroke();
  }

  move(x, y) {
    this.cross = { x: Math.min(Math.max(x, 0), SIDE), y: Math.min(Math.max(y, 0), SIDE) };
    if (!this.positions) return;
    this.show();
    this.onpoint(this.centre());
  }

  listen(onpick) {
    const { canvas } = this;
    const follow = (event) => {
      const box = canvas.getBoundingClientRect();
      this.move(
        ((event.clientX - box.left) * SIDE) / box.width,
        ((event.clientY - box.top) * SIDE) / box.height,
      );
    };
    canvas.addEventListener('pointermove', follow);
    canvas.addEventListener('pointerdown', follow);
    canvas.addEventListener('click', onpick);
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    canvas.addEventListener('keydown', (event) => {
      const step = steps[event.key];
      if (step) this.move(this.cross.x + step[0] * STEP, this.cross.y + step[1] * STEP);
      else if (event.key === 'Enter') onpick();
      else return;
      event.preventDefault();
    });
  }
}
