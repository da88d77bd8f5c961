// Bytes of a text as places in a string.

/** A text as the server will see it: half a surrogate pair has no bytes. */
export const wellFormed = (text) =>
  text.replace(/\p{Surrogate}/gu, "\ufffd");

export const byteLength = (text) => new TextEncoder().encode(text).length;

/**
 * Turns ranges of UTF-8 bytes into ranges of a string's UTF-16 units; a code point that
 * is cut by a range belongs to it.
 */
export function byteRanges(text) {
  const starts = [];
  const ends = [0];
  let place = 0;
  for (const point of text) {
    const next = place + point.length;
    for (let left = byteLength(point); left; left--) {
      starts.push(place);
      ends.push(next);
    }
    place = next;
  }
  starts.push(place);
  return (start, end) => (start < end ? [starts[start], ends[end]] : null);
}

/** Where the largest weight is, the first of equal ones. */
export const peak = (weights) => weights.indexOf(Math.max(...weights));
