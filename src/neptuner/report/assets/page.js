"use strict";
/* What every page of neptuner does: charts that follow the colours and the width of the page, and tables that sort.
 *
 * <figure data-chart="NAME"> shows the chart NAME of <script type="application/json" id="charts">, an object of
 * {data, layout} as Plotly has them, and perhaps "narrow": what changes in the layout of a narrow figure. An element of class "static" inside the figure is what is seen without scripts
 * and on paper. A colour "--name" or "--name / 0.2" anywhere in a chart is the CSS variable of page.css, with that
 * opacity. When a chart has been drawn for the first time, the figure sends the event "drawn" with its <div> as detail.
 */

const charts = JSON.parse(document.getElementById("charts").textContent);

// A finger that moves over a chart means to scroll the page, not to zoom.
const FINGER = matchMedia("(pointer: coarse)").matches;

const CONFIG = {
  responsive: true,
  displaylogo: false,
  displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
  showSendToCloud: false,
  plotlyServerURL: "",
  modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["resetScale2d"]],
};

/** In pixels; what fits between the margins of A4. */
const PAPER_WIDTH = 680;

/** In pixels, of a chart that does not say otherwise. */
const HEIGHT = 380;

/** A figure of fewer pixels gets what its chart has under "narrow" into its layout. */
const NARROW = 600;

/** Draw every chart inside `root` when it comes near the window; not before, so that a page of many opens at once. */
function drawCharts(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) {
    addPlace(figure);
    nearby.observe(figure);
  }
}

/** Show another chart under a name, for example with new numbers; zoom and hidden lines stay as they are. */
function update(name, chart) {
  charts[name] = chart;
  for (const figure of document.querySelectorAll("figure[data-chart].drawn")) {
    if (figure.dataset.chart === name) draw(figure);
  }
}

/** Let a click on a header of each `table.sortable` inside `root` sort its rows: up, down, as it was. */
function sortTables(root) {
  for (const table of root.querySelectorAll("table.sortable")) {
    for (const header of table.tHead.rows[0].cells) makeSortable(table, header);
  }
}

/** Sort the rows of a table again as its reader last asked for; to be called when the rows have been replaced. */
function resort(table) {
  const header = table.tHead.querySelector("th[aria-sort]");
  if (header) sortRows(table, header.cellIndex, header.getAttribute("aria-sort"));
}

/* Charts */

const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) {
      nearby.unobserve(target);
      draw(target);
    }
  }
}, { rootMargin: "600px" });

function draw(figure) {
  const chart = charts[figure.dataset.chart];
  if (!chart) return;
  const first = !figure.classList.contains("drawn");
  const place = addPlace(figure);
  figure.classList.add("drawn");
  const style = getComputedStyle(document.documentElement);
  const size = onPaper() ? { width: PAPER_WIDTH } : { autosize: true };
  const layout = { template: look(style), uirevision: "kept", ...size, ...coloured(fitting(chart, figure), style) };
  const name = { toImageButtonOptions: { format: "svg", filename: figure.dataset.chart } };
  place.style.height = `${layout.height ?? HEIGHT}px`;
  Plotly.react(place, coloured(chart.data, style), layout, { ...CONFIG, ...name });
  if (first) figure.dispatchEvent(new CustomEvent("drawn", { bubbles: true, detail: place }));
}

/** Return the layout of a chart, with what it changes where the figure is narrow. */
function fitting(chart, figure) {
  const layout = { ...chart.layout };
  figure.dataset.narrow = isNarrow(figure);
  if (!chart.narrow || !isNarrow(figure)) return layout;
  for (const [key, value] of Object.entries(chart.narrow)) {
    layout[key] = typeof value === "object" ? { ...layout[key], ...value } : value;
  }
  return layout;
}

function isNarrow(figure) {
  return !onPaper() && figure.clientWidth < NARROW;
}

/** Return the element of a figure that its chart is drawn in; as high as the chart, so that nothing jumps later. */
function addPlace(figure) {
  let place = figure.querySelector(":scope > .chart");
  if (place) return place;
  place = document.createElement("div");
  place.className = "chart";
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", figure.getAttribute("aria-label") || figure.dataset.chart);
  const chart = charts[figure.dataset.chart];
  place.style.height = `${(chart && fitting(chart, figure).height) ?? HEIGHT}px`;
  figure.insertBefore(place, figure.querySelector("figcaption"));
  return place;
}

/** What a chart looks like where it does not say otherwise. */
function look(style) {
  const soft = style.getPropertyValue("--soft"), line = style.getPropertyValue("--line");
  const axis = {
    gridcolor: line, zerolinecolor: line, linecolor: soft, tickcolor: soft, ticks: "outside", ticklen: 4,
    showline: true, automargin: true, title: { standoff: 8 }, exponentformat: "power", minexponent: 5,
  };
  return {
    layout: {
      height: HEIGHT,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style.getPropertyValue("--font") || "sans-serif", size: 12.5, color: style.getPropertyValue("--ink") },
      colorway: [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => colour(`--c${n}`, style)),
      margin: { l: 8, r: 12, t: 12, b: 8 },
      xaxis: axis,
      yaxis: axis,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      hoverlabel: { align: "left" },
      hovermode: "closest",
      bargap: 0.3,
      dragmode: FINGER ? false : "zoom",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: colour("--c0", style) },
    },
  };
}

/** Replace "--name" and "--name / opacity" by the colour that the page has for it now. */
function coloured(value, style) {
  if (typeof value === "string") return value.startsWith("--") ? colour(value, style) : value;
  if (Array.isArray(value)) return value.every(isNumber) ? value : value.map((item) => coloured(item, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
}

function isNumber(value) {
  return typeof value === "number";
}

function colour(token, style) {
  const [name, opacity] = token.split("/").map((part) => part.trim());
  const hex = style.getPropertyValue(name).trim();
  if (opacity === undefined) return hex;
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}

function redraw() {
  for (const figure of document.querySelectorAll("figure[data-chart].drawn")) draw(figure);
}

/** Draw charts again whose figures have become narrow, or wide. */
function refit() {
  for (const figure of document.querySelectorAll("figure[data-chart].drawn")) {
    const changed = String(isNarrow(figure)) !== figure.dataset.narrow;
    if (changed && charts[figure.dataset.chart]?.narrow) draw(figure);
  }
}

/** Draw charts without a static twin for paper: they go there themselves. */
function drawForPaper() {
  document.documentElement.classList.add("paper");
  for (const figure of document.querySelectorAll("figure[data-chart]:not(:has(div.static))")) draw(figure);
}

function drawForScreen() {
  document.documentElement.classList.remove("paper");
  redraw();
}

function onPaper() {
  return document.documentElement.classList.contains("paper");
}

/* Tables */

function makeSortable(table, header) {
  if (header.querySelector("button.sort")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.append(...header.childNodes);
  header.append(button);
  button.addEventListener("click", () => sortBy(table, header));
}

const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function sortBy(table, header) {
  const order = NEXT[header.getAttribute("aria-sort") || "none"];
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  if (order !== "none") header.setAttribute("aria-sort", order);
  sortRows(table, header.cellIndex, order);
}

function sortRows(table, column, order) {
  const body = table.tBodies[0], rows = [...body.rows];
  rows.forEach((row, place) => { row.dataset.place ??= place; });
  const sign = order === "descending" ? -1 : 1;
  const key = new Map(rows.map((row) => [row, sortKey(row.cells[column])]));
  rows.sort((a, b) => (order === "none" ? 0 : compare(key.get(a), key.get(b), sign)) || a.dataset.place - b.dataset.place);
  body.append(...rows);
}

/** What a cell is sorted by: its data-value, else the number it begins with, else its text; null if it is empty. */
function sortKey(cell) {
  const text = (cell?.dataset.value ?? cell?.firstChild?.textContent ?? "").trim();
  if (text === "" || text === "\u2013") return null;
  const number = /^[±(]?\s*([+\u2212-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)(?=$|\s*[%)\u2192]|\s+[a-zA-Z])/i.exec(text);
  return number ? Number(number[1].replaceAll(",", "").replace("\u2212", "-")) : text;
}

/** Order two keys; what is empty comes last either way, numbers before words. */
function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * a.localeCompare(b, "en", { numeric: true });
}

document.addEventListener("DOMContentLoaded", () => {
  drawCharts(document);
  sortTables(document);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("resize", refit);
  window.addEventListener("beforeprint", drawForPaper);
  window.addEventListener("afterprint", drawForScreen);
});
