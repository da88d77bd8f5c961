// Prometheus' text format, and what two readings of it say about the time between.

const LINE = /^([\w:]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES = { n: "\n" };

/** All samples: name, labels, value. */
export function read(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const [, name, words = "", value] = LINE.exec(line) ?? [];
    if (!name) continue;
    const labels = {};
    for (const [, key, escaped] of words.matchAll(LABEL)) {
      labels[key] = escaped.replace(/\\(.)/g, (_, letter) => ESCAPES[letter] ?? letter);
    }
    found.push({ name, labels, value: Number(value.replace("+Inf", "Infinity")) });
  }
  return found;
}

/** The sum of the samples of a name whose labels are these. */
export function total(samples, name, labels = {}) {
  return samples
    .filter((sample) => sample.name === name && fits(sample, labels))
    .reduce((sum, { value }) => sum + value, 0);
}

/**
 * The value below which a share of what a histogram counted between two readings lies,
 * by its buckets; null where it counted nothing.
 */
export function quantile(before, after, name, share, labels = {}) {
  const counts = new Map();
  for (const [samples, sign] of [[before, -1], [after, 1]]) {
    for (const sample of samples) {
      if (sample.name !== `${name}_bucket` || !fits(sample, labels)) continue;
      const bound = Number(sample.labels.le.replace("+Inf", "Infinity"));
      counts.set(bound, (counts.get(bound) ?? 0) + sign * sample.value);
    }
  }
  const bounds = [...counts].sort(([one], [other]) => one - other);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (!all) return null;
  let [low, below] = [0, 0];
  for (const [high, count] of bounds) {
    if (count >= share * all) {
      if (high === Infinity) return low;
      return low + ((high - low) * (share * all - below)) / (count - below || 1);
    }
    [low, below] = [high, count];
  }
  return low;
}

const fits = (sample, labels) =>
  Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
