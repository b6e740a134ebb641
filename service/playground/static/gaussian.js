/** Gaussians of the latent space. */

/** Return the KL divergence of each dimension from N(0, 1) in nats, averaged over posteriors. */
export function meanDivergences(posteriors) {
  const sums = posteriors[0].mean.map(() => 0);
  for (const { mean, log_variance: logVariance } of posteriors) {
    mean.forEach((value, index) => {
      const log = logVariance[index];
      sums[index] += (value ** 2 + Math.exp(log) - log - 1) / 2;
    });
  }
  return sums.map((sum) => sum / posteriors.length);
}

/** Return the indices of values, the largest first. */
export function largestFirst(values) {
  return values.map((_, index) => index).sort((a, b) => values[b] - values[a]);
}
