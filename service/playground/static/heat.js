/** The anomaly map in colours, to lay over a picture. */

import { blobOf } from './page.js';

const THRESHOLD = 128; // grey level of the pixel threshold
const BELOW = 0.35; // largest opacity below the threshold

/** Paint a map, a grey PNG in base64, on a canvas of its size. */
export async function paintMap(canvas, map) {
  const bitmap = await createImageBitmap(blobOf(map));
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let start = 0; start < image.data.length; start += 4) {
    image.data.set(heatOf(image.data[start]), start);
  }
  context.putImageData(image, 0, 0);
}

/** Return the red, green, blue and opacity of a level: yellow, then orange to red. */
export function heatOf(level) {
  if (level <= THRESHOLD) {
    const share = level / THRESHOLD;
    return [255, 210, 0, Math.round(255 * BELOW * share ** 2)];
  }
  const share = (level - THRESHOLD) / (255 - THRESHOLD);
  return [255, Math.round(150 * (1 - share)), 0, 255];
}
