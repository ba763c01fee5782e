"use strict";
/* A click on a point of a parity plot shows its frame: what is known of it, and its structure to be turned by hand.
 *
 * A point carries [number of the frame, index of the atom or -1, words] as customdata; the frames are in
 * <script type="application/json" id="frames">, those without "positions" in words only.
 */

const known = JSON.parse(document.getElementById("frames").textContent);
const panel = document.getElementById("structure");
const canvas = panel.querySelector("canvas");

/** What the canvas shows: the frame, the atom to be marked, and how it is turned. */
const view = { frame: null, atom: -1, turn: [[1, 0, 0], [0, 0.94, 0.34], [0, -0.34, 0.94]] };

document.addEventListener("drawn", ({ target, detail }) => {
  if (!target.dataset.chart.endsWith("-parity")) return;
  detail.on("plotly_click", ({ points }) => {
    const point = points.find((candidate) => candidate.customdata);
    if (point) show(target, point);
  });
});

/** Show the frame of a point below the figure that was clicked. */
function show(figure, { customdata: [number, atom, words], x, y }) {
  const frame = known.frames[number];
  if (!frame) return;
  figure.after(panel);
  panel.hidden = false;
  describe(number, frame, words, x, y);
  Object.assign(view, { frame: frame.positions ? frame : null, atom });
  canvas.hidden = !frame.positions;
  paint();
}

function describe(number, frame, words, x, y) {
  const place = frame.line ? `${known.path}, line ${frame.line}` : known.path;
  const rows = [
    ["Point", words], ["Reference", x.toPrecision(5)], ["Predicted", y.toPrecision(5)],
    ["Frame", `${number} (${place})`], ["Atoms", `${frame.atoms}, ${frame.formula}`],
  ];
  if (frame.comment) rows.push(["Comment", frame.comment]);
  for (const [model, [force, energy]] of Object.entries(frame.errors)) {
    rows.push([model, `force RMSE ${digits(force)} eV/Å, energy error ${digits(energy)} meV/atom`]);
  }
  if (!frame.positions) rows.push(["Structure", "not on this page, which holds those of the worst frames and a sample"]);
  const list = panel.querySelector("dl");
  list.replaceChildren(...rows.flatMap(([term, text]) => [element("dt", term), element("dd", text)]));
  if (frame.positions) list.append(element("dt", "Elements"), legend(frame));
}

function legend(frame) {
  const cell = element("dd", "");
  for (const symbol of new Set(frame.species)) {
    const key = element("span", "");
    key.className = "key";
    key.style.background = known.elements[symbol].color;
    cell.append(key, `${symbol} `);
  }
  return cell;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function digits(value) {
  return value === null ? "\u2013" : value.toPrecision(3);
}

/* The structure: atoms, bonds and cell, in parallel projection, the far ones first. */

function paint() {
  if (!view.frame) return;
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const scene = project(view.frame);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineCap = "round";
  for (const edge of scene.edges) stroke(pen, edge, style.getPropertyValue("--faint"), 2);
  for (const part of scene.parts) {
    if (part.radius) ball(pen, part, style);
    else stroke(pen, [part.from, part.to], style.getPropertyValue("--soft"), 0.16 * scene.scale);
  }
}

/** Turn and scale a frame; return the edges of its cell, and its atoms and bonds from far to near. */
function project(frame) {
  const atoms = triples(frame.positions), [a, b, c] = triples(frame.cell);
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => sum(n & 1 ? a : null, n & 2 ? b : null, n & 4 ? c : null));
  const all = [...atoms, ...corners];
  const middle = [0, 1, 2].map((axis) => mean(all.map((point) => point[axis])));
  const reach = Math.max(...all.map((point) => distance(point, middle))) + 1;
  const scale = canvas.width / 2 / reach;
  const placed = (point) => {
    const [x, y, z] = view.turn.map((row) => row.reduce((total, r, axis) => total + r * (point[axis] - middle[axis]), 0));
    return { x: canvas.width / 2 + scale * x, y: canvas.height / 2 - scale * y, z };
  };
  const spots = atoms.map(placed);
  const balls = spots.map((spot, index) => {
    const { color, radius } = known.elements[frame.species[index]];
    return { ...spot, color, radius: 0.5 * scale * radius, marked: index === view.atom };
  });
  const parts = [...balls, ...bonds(frame, atoms).map(([i, j]) => bond(spots[i], spots[j]))];
  const cell = corners.map(placed);
  const edges = EDGES.map(([i, j]) => [cell[i], cell[j]]);
  return { edges, scale, parts: parts.sort((one, other) => one.z - other.z) };
}

const EDGES = [[0, 1], [0, 2], [0, 4], [1, 3], [1, 5], [2, 3], [2, 6], [3, 7], [4, 5], [4, 6], [5, 7], [6, 7]];

/** A large structure is clearer, and quicker, without bonds. */
const MOST_WITH_BONDS = 600;

function bonds(frame, atoms) {
  frame.bonds ??= atoms.length > MOST_WITH_BONDS ? [] : atoms.flatMap((atom, i) =>
    atoms.slice(0, i).flatMap((other, j) => (distance(atom, other) < bonded(frame, i, j) ? [[i, j]] : [])));
  return frame.bonds;
}

function bonded(frame, i, j) {
  return 1.1 * (known.elements[frame.species[i]].radius + known.elements[frame.species[j]].radius);
}

function bond(from, to) {
  return { from, to, z: (from.z + to.z) / 2 - 0.01 };
}

function ball(pen, { x, y, radius, color, marked }, style) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = color;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = "#00000088";
  pen.stroke();
  if (!marked) return;
  pen.beginPath();
  pen.arc(x, y, radius + 7, 0, 2 * Math.PI);
  pen.lineWidth = 5;
  pen.strokeStyle = style.getPropertyValue("--combined");
  pen.stroke();
}

function stroke(pen, [from, to], color, width) {
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.lineWidth = width;
  pen.strokeStyle = color;
  pen.stroke();
}

function triples(numbers) {
  return Array.from({ length: numbers.length / 3 }, (_, index) => numbers.slice(3 * index, 3 * index + 3));
}

function sum(...vectors) {
  return [0, 1, 2].map((axis) => vectors.reduce((total, vector) => total + (vector ? vector[axis] : 0), 0));
}

function mean(values) {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

function distance(one, other) {
  return Math.hypot(...one.map((value, axis) => value - other[axis]));
}

/* A drag turns the structure. */

canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
canvas.addEventListener("pointermove", (event) => {
  if (!event.buttons) return;
  view.turn = turned(turned(view.turn, event.movementX / 120, 0, 2), -event.movementY / 120, 1, 2);
  paint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

/** Rotate in the plane of two axes of the window. */
function turned(rows, angle, one, other) {
  const cos = Math.cos(angle), sin = Math.sin(angle), found = rows.map((row) => [...row]);
  found[one] = rows[one].map((value, axis) => cos * value + sin * rows[other][axis]);
  found[other] = rows[other].map((value, axis) => cos * value - sin * rows[one][axis]);
  return found;
}
