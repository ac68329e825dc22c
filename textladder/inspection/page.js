"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);

// --- figures: plotly.js lies in the page as gzip in base64, a good half smaller than as text
async function load() {
  const packed = document.getElementById("plotly").textContent.trim();
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const narrow = () => window.innerWidth < 600;

function draw(place) {
  const chosen = document.querySelector(`select[data-for="${place.id}"]`);
  const spec = figures[chosen ? chosen.value : place.dataset.figure];
  if (!spec) return;
  const layout = { ...spec.layout, font: { color: ink(), size: narrow() ? 11 : 13, family: getComputedStyle(document.body).fontFamily } };
  place.style.minHeight = `${layout.height}px`;
  place.style.minWidth = `${layout.meta?.least_width ?? 0}px`; // on a narrow screen it is scrolled
  // Plotly chooses the ink of a cell as if the page were white.
  const data = spec.data.map((trace) => (trace.type === "heatmap" ? { ...trace, textfont: { color: ink() } } : trace));
  Plotly.react(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
}

const places = () => document.querySelectorAll(".figure");
const drawAll = () => places().forEach(draw);

load().then(() => {
  drawAll();
  document.querySelectorAll("select[data-for]").forEach((select) =>
    select.addEventListener("change", () => draw(document.getElementById(select.dataset.for))));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => places().forEach((p) => Plotly.relayout(p, { "font.color": "#000" })));
  addEventListener("afterprint", drawAll);
}).catch(() => places().forEach((place) => {
  place.style.minHeight = "0";
  place.textContent = "This figure needs a browser of 2023 or later; its numbers are in the tables.";
}));

// --- the table sorts by a click on a heading; what has no number goes last
document.querySelectorAll("table.sortable").forEach((table) => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((h) => h.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const value = (row) => row.cells[column].dataset.value ?? "";
    [...body.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return down ? -order : order;
    }).forEach((row) => body.append(row));
  }));
});

// --- copying a command
document.querySelectorAll("button[data-copy]").forEach((button) => button.addEventListener("click", async () => {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
}));
