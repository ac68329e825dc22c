"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const { words, near, cosines, groups, colours } = data;
const STEPS = 10000, FURTHEST = 0.5, CLOSEST = 200, REACH = 14, LINES = 8, GLIDE = 500;
const $ = (id) => document.getElementById(id);
const canvas = $("map"), pen = canvas.getContext("2d");
const rows = new Map(words.map((word, i) => [word, i]));
const folded = new Map([...words.keys()].reverse().map((i) => [words[i].toLowerCase(), i])); // the most frequent spelling stays

// --- state: where each word stands (it glides between layouts), what part of the plane is seen, what is chosen
let x = Float64Array.from(data.places[$("layout").value][0]), y = Float64Array.from(data.places[$("layout").value][1]);
let view = { x: STEPS / 2, y: STEPS / 2, zoom: 1 };
let over = -1, chosen = -1, drawing = false, glide = 0;
let width = 0, height = 0;

const unit = () => (Math.min(width, height) * 0.92) / STEPS * view.zoom; // pixels of one step
const toX = (at) => (at - view.x) * unit() + width / 2;
const toY = (at) => (at - view.y) * unit() + height / 2;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = (size, weight = 400) => `${weight} ${size}px system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif`;

function redraw() {
  if (!drawing) { drawing = true; requestAnimationFrame(draw); }
}

function draw() {
  drawing = false;
  const ink = colour("--ink"), paper = colour("--paper"), soft = colour("--soft");
  const ratio = devicePixelRatio || 1;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = paper;
  pen.fillRect(0, 0, width, height);
  const focus = over >= 0 ? over : chosen;
  const lit = focus < 0 ? [] : [focus, ...near[focus].slice(0, LINES)];
  const bright = new Set(lit);
  const seen = [];
  for (let i = 0; i < words.length; i++) {
    const px = toX(x[i]), py = toY(y[i]);
    if (px > -60 && px < width + 60 && py > -20 && py < height + 20) seen.push(i);
  }
  if ($("lines").checked) {
    pen.strokeStyle = soft;
    pen.globalAlpha = 0.25;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const i of seen) line(i, near[i][0]);
    pen.stroke();
  }
  const size = Math.min(5, 1.6 + 0.45 * Math.sqrt(view.zoom));
  for (const i of seen) {
    pen.globalAlpha = focus < 0 || bright.has(i) ? 0.9 : 0.35;
    pen.fillStyle = colours[groups[i] % colours.length];
    pen.beginPath();
    pen.arc(toX(x[i]), toY(y[i]), bright.has(i) ? size + 1.5 : size, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
  if (focus >= 0) {
    pen.strokeStyle = colour("--accent");
    near[focus].slice(0, LINES).forEach((j, k) => {
      pen.lineWidth = 0.6 + 2.4 * Math.max(cosines[focus][k], 0);
      pen.beginPath();
      line(focus, j);
      pen.stroke();
    });
  }
  names(lit, bright, seen, ink, soft, paper);
}

function line(i, j) {
  pen.moveTo(toX(x[i]), toY(y[i]));
  pen.lineTo(toX(x[j]), toY(y[j]));
}

// --- names: those in focus first, then the most frequent, each only where no other name stands
function names(lit, bright, seen, ink, soft, paper) {
  const CELL = 24, taken = new Map();
  const free = (left, top, right, bottom) => {
    const cells = [];
    for (let cx = Math.floor(left / CELL); cx <= right / CELL; cx++)
      for (let cy = Math.floor(top / CELL); cy <= bottom / CELL; cy++) {
        for (const box of taken.get(cx * 4099 + cy) ?? [])
          if (left < box[2] && right > box[0] && top < box[3] && bottom > box[1]) return false;
        cells.push(cx * 4099 + cy);
      }
    const box = [left, top, right, bottom];
    for (const cell of cells) taken.has(cell) ? taken.get(cell).push(box) : taken.set(cell, [box]);
    return true;
  };
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  const most = Math.max(80, (width * height) / 2500);
  let placed = 0;
  for (const i of [...lit, ...seen.filter((i) => !bright.has(i))]) {
    if (placed > most) break;
    const first = i === lit[0], size = first ? 16 : bright.has(i) ? 14 : 12;
    pen.font = font(size, first ? 700 : bright.has(i) ? 600 : 400);
    const right = toX(x[i]) + 6, py = toY(y[i]), long = pen.measureText(words[i]).width;
    const left = right - long - 12, inside = (px) => px > 0 && px + long < width; // the frame cuts no name
    const fits = (px) => inside(px) && free(px - 2, py - size / 2 - 1, px + long + 2, py + size / 2 + 1);
    const px = [right, left].find(fits) ?? (first ? Math.max(0, Math.min(right, width - long)) : -1);
    if (px < 0 || (first && (right < 0 || right > width))) continue;
    placed++;
    pen.lineWidth = 3;
    pen.strokeStyle = paper;
    pen.strokeText(words[i], px, py);
    pen.fillStyle = bright.has(i) || !lit.length ? ink : soft;
    pen.fillText(words[i], px, py);
  }
}

// --- moving and zooming
function zoomAt(px, py, factor) {
  const zoom = Math.min(CLOSEST, Math.max(FURTHEST, view.zoom * factor));
  const before = unit();
  const at = [(px - width / 2) / before + view.x, (py - height / 2) / before + view.y];
  view.zoom = zoom;
  view.x = at[0] - (px - width / 2) / unit();
  view.y = at[1] - (py - height / 2) / unit();
  redraw();
}

function nearestTo(px, py) {
  let best = -1, least = REACH * REACH;
  for (let i = 0; i < words.length; i++) {
    const far = (toX(x[i]) - px) ** 2 + (toY(y[i]) - py) ** 2;
    if (far < least) { least = far; best = i; }
  }
  return best;
}

const fingers = new Map();
let moved = 0;
const place = (event) => [event.offsetX, event.offsetY];
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, place(event));
  moved = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const [px, py] = place(event), last = fingers.get(event.pointerId);
  if (!last) {
    const found = nearestTo(px, py);
    canvas.classList.toggle("over", found >= 0);
    if (found !== over) { over = found; tell(); redraw(); }
    return;
  }
  moved += Math.abs(px - last[0]) + Math.abs(py - last[1]);
  if (fingers.size === 1) {
    view.x -= (px - last[0]) / unit();
    view.y -= (py - last[1]) / unit();
  } else {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
    zoomAt((px + other[0]) / 2, (py + other[1]) / 2, apart([px, py]) / apart(last));
  }
  fingers.set(event.pointerId, [px, py]);
  redraw();
});
for (const kind of ["pointerup", "pointercancel"])
  canvas.addEventListener(kind, (event) => {
    const alone = fingers.size === 1;
    fingers.delete(event.pointerId);
    if (kind === "pointerup" && alone && moved < 5) choose(nearestTo(...place(event)), false);
  });
canvas.addEventListener("pointerleave", () => { if (over >= 0) { over = -1; tell(); redraw(); } });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(...place(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
}, { passive: false });
canvas.addEventListener("dblclick", (event) => zoomAt(...place(event), 2));

function whole() {
  view = { x: STEPS / 2, y: STEPS / 2, zoom: 1 };
  redraw();
}
$("closer").addEventListener("click", () => zoomAt(width / 2, height / 2, 1.5));
$("further").addEventListener("click", () => zoomAt(width / 2, height / 2, 1 / 1.5));
$("whole").addEventListener("click", whole);
$("lines").addEventListener("change", redraw);
canvas.addEventListener("keydown", (event) => {
  const step = 60 / unit();
  const keys = {
    ArrowLeft: () => { view.x -= step; }, ArrowRight: () => { view.x += step; },
    ArrowUp: () => { view.y -= step; }, ArrowDown: () => { view.y += step; },
    "+": () => zoomAt(width / 2, height / 2, 1.25), "-": () => zoomAt(width / 2, height / 2, 0.8),
    0: whole, Escape: () => choose(-1, false),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); redraw(); }
});

// --- choosing a word: by a click, by its neighbours' list, by the search box, by #word in the address
function choose(i, go) {
  chosen = i;
  over = -1;
  if (i >= 0 && go) {
    const [toX, toY] = data.places[$("layout").value]; // words may still be gliding there
    const far = (j) => Math.max(Math.abs(toX[j] - toX[i]), Math.abs(toY[j] - toY[i]));
    const reach = Math.max(...near[i].slice(0, LINES).map(far), STEPS / CLOSEST);
    view = { x: toX[i], y: toY[i], zoom: Math.min(12, Math.max(1, (STEPS * 0.45) / reach)) };
  }
  tell();
  redraw();
}

function tell() {
  const i = over >= 0 ? over : chosen, panel = $("panel");
  panel.replaceChildren();
  if (i < 0) {
    panel.textContent = "Point at a word, click it, or find it above: its nearest neighbours are listed here.";
    return;
  }
  const title = document.createElement("h2"), list = document.createElement("ol");
  title.textContent = words[i];
  title.dir = "auto";
  near[i].forEach((j, k) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const name = document.createElement("bdi"), value = document.createElement("span");
    button.type = "button";
    name.textContent = words[j];
    value.textContent = cosines[i][k].toFixed(3);
    value.className = "soft";
    button.append(name, value);
    button.addEventListener("click", () => choose(j, true));
    item.append(button);
    list.append(item);
  });
  panel.append(title, list);
}

function find(text, strict) {
  const word = text.trim();
  const i = rows.get(word) ?? folded.get(word.toLowerCase()) ?? (strict ? -1 : words.findIndex((w) => w.startsWith(word)));
  $("find").classList.toggle("unknown", word !== "" && i < 0);
  if (word !== "" && i >= 0) choose(i, true);
  else if (word !== "" && !strict) $("panel").textContent = `This map has no word that begins with "${word}".`;
}
$("find").addEventListener("input", (event) => { if (rows.has(event.target.value)) find(event.target.value, true); });
$("bar").addEventListener("submit", (event) => { event.preventDefault(); find($("find").value, false); });

// --- another layout: words glide to their new places
$("layout").addEventListener("change", () => {
  const [toward, down] = data.places[$("layout").value], fromX = x.slice(), fromY = y.slice();
  const began = performance.now(), mine = ++glide;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const step = () => {
    if (mine !== glide) return;
    const part = still ? 1 : Math.min(1, (performance.now() - began) / GLIDE), eased = part * part * (3 - 2 * part);
    for (let i = 0; i < words.length; i++) {
      x[i] = fromX[i] + (toward[i] - fromX[i]) * eased;
      y[i] = fromY[i] + (down[i] - fromY[i]) * eased;
    }
    redraw();
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
  $("kept").textContent = data.kept[$("layout").value];
});

function fit() {
  width = canvas.clientWidth;
  height = canvas.clientHeight;
  canvas.width = width * (devicePixelRatio || 1);
  canvas.height = height * (devicePixelRatio || 1);
  draw();
}
new ResizeObserver(fit).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
$("kept").textContent = data.kept[$("layout").value];
fit();
tell();
if (location.hash) find(decodeURIComponent(location.hash.slice(1)), false);
