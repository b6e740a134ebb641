/**
 * t-SNE: points of many dimensions on a plane, near ones near each other.
 *
 * Van der Maaten & Hinton: Visualizing Data using t-SNE. JMLR 9 (2008), 2579-2605.
 */

import { largestFirst } from './gaussian.js';

const PERPLEXITY = 25;
const EXAGGERATION = 8; // of attraction at first, for clusters to form
const EXAGGERATED_STEPS = 100;
const SEARCHES = 40; // halvings of an interval of precisions
const STEPS = 400;

export class Embedding {
  /** @param {number[][]} points */
  constructor(points) {
    this.count = points.length;
    this.affinities = symmetric(squaredDistances(points), this.count);
    this.positions = widestDimensions(points); // x, y of each point
    this.velocities = new Float64Array(2 * this.count);
    this.gains = new Float64Array(2 * this.count).fill(1);
    this.stepsDone = 0;
  }

  get isDone() {
    return this.stepsDone >= STEPS;
  }

  /** Move all points one step. */
  step() {
    const isEarly = this.stepsDone < EXAGGERATED_STEPS;
    const gradient = this.gradient(isEarly ? EXAGGERATION : 1);
    const rate = Math.max(this.count / EXAGGERATION, 10);
    const momentum = isEarly ? 0.5 : 0.8;
    for (let index = 0; index < gradient.length; index += 1) {
      const isTurning = Math.sign(gradient[index]) === Math.sign(this.velocities[index]);
      this.gains[index] = Math.max(isTurning ? this.gains[index] * 0.8 : this.gains[index] + 0.2, 0.01);
      this.velocities[index] =
        momentum * this.velocities[index] - rate * this.gains[index] * gradient[index];
      this.positions[index] += this.velocities[index];
    }
    this.stepsDone += 1;
  }

  gradient(exaggeration) {
    const { count, positions, affinities } = this;
    const kernel = new Float64Array(count * count);
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      for (let j = i + 1; j < count; j += 1) {
        const x = positions[2 * i] - positions[2 * j];
        const y = positions[2 * i + 1] - positions[2 * j + 1];
        const value = 1 / (1 + x * x + y * y);
        kernel[i * count + j] = value;
        sum += 2 * value;
      }
    }
    const gradient = new Float64Array(2 * count);
    for (let i = 0; i < count; i += 1) {
      for (let j = i + 1; j < count; j += 1) {
        const value = kernel[i * count + j];
        const force = 4 * (exaggeration * affinities[i * count + j] - value / sum) * value;
        const x = force * (positions[2 * i] - positions[2 * j]);
        const y = force * (positions[2 * i + 1] - positions[2 * j + 1]);
        gradient[2 * i] += x;
        gradient[2 * i + 1] += y;
        gradient[2 * j] -= x;
        gradient[2 * j + 1] -= y;
      }
    }
    return gradient;
  }
}

function squaredDistances(points) {
  const count = points.length;
  const distances = new Float64Array(count * count);
  for (let i = 0; i < count; i += 1) {
    for (let j = i + 1; j < count; j += 1) {
      const distance = points[i].reduce((sum, value, k) => sum + (value - points[j][k]) ** 2, 0);
      distances[i * count + j] = distance;
      distances[j * count + i] = distance;
    }
  }
  return distances;
}

/** Return affinities that sum to 1, from the conditional ones of each pair. */
function symmetric(distances, count) {
  const conditional = new Float64Array(count * count);
  for (let i = 0; i < count; i += 1) {
    conditional.set(affinitiesOf(distances.subarray(i * count, (i + 1) * count), i), i * count);
  }
  return conditional.map((value, index) => {
    const other = conditional[(index % count) * count + Math.floor(index / count)];
    return (value + other) / (2 * count);
  });
}

/** Return the affinities of a point to all others, with the perplexity wanted. */
function affinitiesOf(distances, self) {
  const target = Math.log(Math.min(PERPLEXITY, distances.length / 3));
  let [low, high, precision] = [0, Infinity, 1];
  let row;
  for (let search = 0; search < SEARCHES; search += 1) {
    row = distances.map((distance, j) => (j === self ? 0 : Math.exp(-distance * precision)));
    const sum = row.reduce((total, value) => total + value, 0) || Number.MIN_VALUE;
    row = row.map((value) => value / sum);
    const entropy = row.reduce((total, p) => (p > 0 ? total - p * Math.log(p) : total), 0);
    if (entropy > target) low = precision;
    else high = precision;
    precision = high === Infinity ? precision * 2 : (low + high) / 2;
  }
  return row;
}

/** Return small starting positions: the two dimensions of largest variance. */
function widestDimensions(points) {
  const variances = points[0].map((_, k) => {
    const values = points.map((point) => point[k]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  });
  const order = largestFirst(variances);
  const positions = new Float64Array(2 * points.length);
  points.forEach((point, i) => {
    positions[2 * i] = 0.01 * point[order[0]];
    positions[2 * i + 1] = 0.01 * (point[order[1]] ?? 0);
  });
  return positions;
}
