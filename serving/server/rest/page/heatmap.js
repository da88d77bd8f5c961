// The weights of an alignment as a picture: tokens down, the text across.

const GAP = 8;
const FONT = 13;
const LONGEST = 120;
const SMALLEST = 9;
const LARGEST = 38;
/** Tokens from which on their rows are as low as the cells are narrow. */
const MANY = 60;

/** Draws weights `[T][S]`; returns which cell a point of the canvas is in. */
export function draw(canvas, tokens, sources, weights, chosen) {
  const style = getComputedStyle(canvas);
  const pen = canvas.getContext("2d");
  const font = `${FONT}px ${style.fontFamily}`;
  pen.font = font;
  const width = (label) => Math.min(LONGEST, pen.measureText(label).width);
  const left = Math.ceil(Math.max(...tokens.map(width))) + GAP;
  const widest = Math.max(...sources.map(width));
  const room = canvas.parentElement.clientWidth - left - 1;
  const cell = Math.min(LARGEST, Math.max(SMALLEST, Math.floor(room / sources.length)));
  const row = Math.min(26, Math.max(cell, tokens.length > MANY ? SMALLEST : FONT + 3));
  const turned = widest > Math.max(cell - 2, FONT + 3);
  const top = Math.ceil(turned ? widest : FONT) + GAP;
  const size = [left + cell * sources.length + 1, top + row * tokens.length + 1];
  const density = Math.min(devicePixelRatio, 16_000 / Math.max(...size));
  [canvas.width, canvas.height] = size.map((length) => Math.ceil(length * density));
  canvas.style.width = `${size[0]}px`;
  canvas.style.height = `${size[1]}px`;
  pen.scale(density, density);
  pen.font = font;
  pen.textBaseline = "middle";

  const color = (name) => style.getPropertyValue(name);
  weights.forEach((line, t) => {
    line.forEach((weight, s) => {
      const area = [left + s * cell + 1, top + t * row + 1, cell - 1, row - 1];
      pen.fillStyle = color("--cell");
      pen.fillRect(...area);
      pen.globalAlpha = Math.min(1, Math.max(0, weight));
      pen.fillStyle = color("--heat");
      pen.fillRect(...area);
      pen.globalAlpha = 1;
    });
  });
  const every = (size, step) => Math.max(1, Math.ceil((size + 1) / step));
  pen.textAlign = "right";
  tokens.forEach((label, t) => {
    if (t % every(FONT, row) && t !== chosen) return;
    pen.fillStyle = color(t === chosen ? "--accent" : "--muted");
    pen.fillText(label, left - GAP / 2, top + (t + 0.5) * row, LONGEST);
  });
  pen.fillStyle = color("--muted");
  sources.forEach((label, s) => {
    if (s % every(turned ? FONT : widest, cell)) return;
    pen.save();
    pen.translate(left + (s + 0.5) * cell, top - GAP / 2);
    pen.textAlign = turned ? "left" : "center";
    if (turned) pen.rotate(-Math.PI / 2);
    else pen.textBaseline = "bottom";
    pen.fillText(label, 0, 0, LONGEST);
    pen.restore();
  });
  pen.strokeStyle = color("--accent");
  pen.lineWidth = 1.5;
  pen.strokeRect(left + 0.5, top + chosen * row + 0.5, cell * sources.length, row);
  return (x, y) => {
    const at = [Math.floor((y - top) / row), Math.floor((x - left) / cell)];
    return weights[at[0]]?.[at[1]] === undefined ? null : at;
  };
}
