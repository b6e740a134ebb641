/** Unit tests of scripts that need no page. Run by node. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';

import { asCurl, asPython, pythonLiteral, readableJson } from './static/code.js';
import { Embedding } from './static/embedding.js';
import { largestFirst, meanDivergences } from './static/gaussian.js';
import { heatOf } from './static/heat.js';
import { barsOf } from './static/histogram.js';
import { csvOf } from './static/inspection_table.js';
import { latest } from './static/latest.js';

const REQUEST = {
  url: 'http://127.0.0.1:8000/generate',
  body: { label: ['l\'été "$(id)"', '7'], count: 2 },
  accept: 'application/json',
  needsKey: false,
};

/** A task whose runs end when they are told to. */
function controlled() {
  const runs = [];
  const task = (...values) => new Promise((resolve) => runs.push({ values, resolve }));
  return { runs, task };
}

test('runs do not overlap, and only the last call that waited is run', async () => {
  const { runs, task } = controlled();
  const run = latest(task);
  run(1);
  run(2);
  run(3);
  assert.equal(runs.length, 1);
  runs[0].resolve();
  await new Promise(setImmediate);
  assert.deepEqual(runs.map(({ values }) => values), [[1], [3]]);
});

test('a run that fails does not stop the one that waits', async () => {
  const seen = [];
  const run = latest(async (value) => {
    seen.push(value);
    if (value === 1) throw new Error('fails');
  });
  const first = run(1);
  run(2);
  await assert.rejects(first);
  await new Promise(setImmediate);
  assert.deepEqual(seen, [1, 2]);
});

test('a shell passes the body of the command on unchanged', () => {
  const command = asCurl(REQUEST).replace(/^curl .* --data-binary @-/, 'cat');
  const output = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(output), REQUEST.body);
});

test('a key is a variable, never the text itself', () => {
  const request = { ...REQUEST, needsKey: true };
  assert.match(asCurl(request), /-H "X-API-Key: \$VAE_API_KEY"/);
  assert.match(asPython(request), /os\.environ\["VAE_API_KEY"\]/);
});

test('a picture is written to a file', () => {
  const request = { ...REQUEST, accept: 'image/gif' };
  assert.match(asCurl(request), /-H 'Accept: image\/gif' -o picture\.gif/);
  assert.match(asPython(request), /open\("picture\.gif", "wb"\)/);
});

test('a request without a body is a GET', () => {
  const request = { ...REQUEST, body: undefined };
  assert.equal(asCurl(request), "curl -s 'http://127.0.0.1:8000/generate'");
  assert.doesNotMatch(asPython(request), /data=/);
});

test('values are written as Python has them', () => {
  const value = { a: [true, false, null, -1.5e-7, 'é"\n'] };
  assert.equal(pythonLiteral(value), '{"a": [True, False, None, -1.5e-7, "é\\"\\n"]}');
});

test('long strings are shortened, and lists of numbers are on one line', () => {
  const text = readableJson({ image: 'A'.repeat(1000), latent: [1, 2.5, -3] });
  assert.match(text, /AAAA… \(1,000 characters\)/);
  assert.match(text, /\[1, 2.5, -3\]/);
});

test('the divergence of the prior from itself is 0', () => {
  const posteriors = [
    { mean: [0, 2], log_variance: [0, 0] },
    { mean: [0, 0], log_variance: [0, 0] },
  ];
  assert.deepEqual(meanDivergences(posteriors), [0, 1]);
  assert.deepEqual(largestFirst([0, 1, 0.5]), [1, 2, 0]);
});

test('bars have the share of pictures as their area', () => {
  const quantiles = [{ rate: 0.9, score: 1 }, { rate: 0.5, score: 3 }, { rate: 0.1, score: 3 }];
  assert.deepEqual(barsOf(quantiles), [{ from: 1, to: 3, density: 0.2 }]);
});

test('a map is clear below the threshold, and opaque above', () => {
  assert.equal(heatOf(0)[3], 0);
  assert.ok(heatOf(128)[3] < 128);
  assert.deepEqual(heatOf(129).slice(3), [255]);
  assert.deepEqual(heatOf(255), [255, 0, 0, 255]);
});

test('a file name cannot be a formula or break a line of a CSV', () => {
  const items = [{ name: '=1+1', score: -1.5, anomalous: false }, { name: 'a"b', error: 'x' }];
  const rows = csvOf(items).split('\r\n');
  assert.equal(rows[1], '"\'=1+1","-1.5","","false","",""');
  assert.equal(rows[2], '"a""b","","","","","x"');
});

test('clusters stay clusters on the plane', () => {
  const points = Array.from({ length: 60 }, (_, index) => {
    const noise = (index * 0.618) % 1;
    return index < 30 ? [noise, 0, 0, noise] : [0, 40 + noise, noise, 40];
  });
  const embedding = new Embedding(points);
  while (!embedding.isDone) embedding.step();
  const place = (index) => embedding.positions.slice(2 * index, 2 * index + 2);
  const distance = (a, b) => Math.hypot(place(a)[0] - place(b)[0], place(a)[1] - place(b)[1]);
  const within = Math.max(...points.map((_, index) => distance(index, index < 30 ? 0 : 30)));
  assert.ok(Number.isFinite(within));
  assert.ok(distance(0, 30) > within / 2);
  assert.ok(points.every((_, index) => distance(index, index < 30 ? 0 : 30) < distance(index, index < 30 ? 30 : 0)));
});
