/** Lines over the pad. */

const COLOR = '#e8590c';

/** Shows the part of a picture that was kept, and the pen of the keyboard. */
export class Overlay {
  constructor(canvas, pad) {
    this.canvas = canvas;
    this.pad = pad;
    canvas.width = pad.canvas.width;
    canvas.height = pad.canvas.height;
    this.context = canvas.getContext('2d');
    this.box = null;
    this.pen = null;
  }

  showBox(box) {
    this.box = box;
    this.show();
  }

  showPen(pen, isDown) {
    this.pen = pen;
    this.isDown = isDown;
    this.show();
  }

  show() {
    const { context, canvas } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = COLOR;
    context.lineWidth = 2;
    if (this.box) {
      const [left, top, right, bottom] = this.box;
      const { left: x, top: y, scale } = this.pad.placement;
      context.setLineDash([6, 4]);
      context.strokeRect(x + left * scale, y + top * scale, (right - left) * scale, (bottom - top) * scale);
    }
    if (this.pen) {
      context.setLineDash([]);
      context.beginPath();
      context.arc(this.pen.x, this.pen.y, 8, 0, 2 * Math.PI);
      if (this.isDown) {
        context.fillStyle = COLOR;
        context.fill();
      }
      context.stroke();
    }
  }
}
