"use strict";
/* The page of `neptuner view`: asks the server for what has changed, every two seconds, and shows it.
 *
 * What is in state.json: LiveStudy.state of neptuner/live/state.py. Of trainings it holds those that have changed
 * since the revision that was asked for, or all of them if it says `whole`.
 */

const EVERY = 2000;
/** Points of all curves, beyond which those of finished trainings are thinned out. */
const MOST_POINTS = 30000;
/** Of the logarithmic axis. */
const TICKS = [-4, -3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 1.5, 2, 3, 5, 7].map((one) => Number(`${one}e${power}`)));

const trials = new Map();
const rows = new Map();
let state = { revision: 0 };
let picked = null;
let answered = null;

const byId = (id) => document.getElementById(id);

async function poll() {
  try {
    const answer = await fetch(`state.json?since=${state.revision}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    answered = new Date();
    show(await answer.json());
  } catch (error) {
    if (!(error instanceof TypeError)) console.warn(error);
    lost();
  }
  setTimeout(poll, EVERY);
}

function lost() {
  const since = answered ? ` since ${answered.toLocaleTimeString()}; what you see is from then` : "";
  pulse(`not reachable${since} (has neptuner view ended?)`, "lost");
}

function pulse(text, kind) {
  byId("pulse").textContent = text;
  byId("pulse").className = `pulse ${kind}`;
}

function show(found) {
  const changed = take(found);
  state = found;
  const worker = state.finished ? "finished" : state.active ? `running, phase ${state.phase}` : "nobody works on it";
  pulse(`${worker} · ${answered.toLocaleTimeString()}`, state.active ? "running" : "");
  byId("name").textContent = state.name;
  byId("problem").hidden = !state.problem && state.runs !== undefined;
  byId("problem").textContent = state.problem || "The study is being prepared; its cost is measured before the first training.";
  if (state.runs === undefined) return;
  showBar();
  showTiles();
  showTrials(changed);
  showDynamics();
  showEvents();
  if (state.summary !== undefined) showSummary();
  if (changed.length || found.whole) update("curves", curvesChart());
  if (changed.includes(picked)) showPicked();
}

/** Take up the trainings of a state; return the names of those that have changed. */
function take(found) {
  if (found.whole) {
    const names = new Set(found.trials.map((trial) => trial.id));
    for (const name of trials.keys()) if (!names.has(name)) trials.delete(name);
  }
  for (const trial of found.trials) trials.set(trial.id, trial);
  return found.trials.map((trial) => trial.id);
}

/* Overview */

function showBar() {
  const total = Object.values(state.runs).reduce((sum, number) => sum + number, 0) || 1;
  const parts = ["done", "running", "failed"].map((kind) => {
    const part = element("div", "", kind);
    part.style.width = `${100 * state.runs[kind] / total}%`;
    part.title = `${state.runs[kind]} ${kind}`;
    return part;
  });
  byId("bar").replaceChildren(...parts);
  byId("bar").setAttribute("aria-label", words(state.runs));
}

function words(runs) {
  return Object.entries(runs).filter(([, number]) => number).map(([kind, number]) => `${number} ${kind}`).join(", ");
}

function showTiles() {
  const { done, running, failed, pending } = state.runs, { cost, best } = state;
  const tiles = [["Runs done", `${done} of ${done + running + failed + pending}`, `${running} running, ${failed} failed`]];
  if (cost.spent !== null) {
    const pace = cost.ratio ? `, trainings take ${cost.ratio.toFixed(2)} of it` : "";
    tiles.push(["Time spent", duration(cost.spent), cost.likely ? `${duration(cost.likely)} predicted${pace}` : ""]);
  }
  if (!state.finished && cost.left) {
    const end = new Date(Date.now() + 1000 * cost.left);
    const md = cost.md_predicted ? `; then ${duration(cost.md_predicted)} of dynamics` : "";
    tiles.push(["Trainings end", state.active ? `about ${moment(end)}` : "–", `${duration(cost.left)} left${md}`]);
  }
  if (best) {
    const interval = best.low === null ? "" : ` (${signed(best.low)} to ${signed(best.high)} %)`;
    const gain = best.name === "baseline" ? "nothing better yet" : `${signed(best.gain)} %${interval} against ${shown(best.baseline)}`;
    tiles.push([`Best so far: ${best.name}`, `${shown(best.loss)} ${state.unit}`, gain]);
  }
  byId("tiles").replaceChildren(...tiles.map(([label, number, small]) => {
    const tile = element("div");
    tile.append(element("dt", label), element("dd", number), element("dd", small, "sub"));
    return tile;
  }));
}

/** The part that comes from the report; sorted tables stay sorted. */
function showSummary() {
  const place = byId("summary"), orders = [...place.querySelectorAll("table")].map(order);
  place.innerHTML = state.summary;
  sortTables(place);
  place.querySelectorAll("table").forEach((table, number) => {
    const [column, direction] = orders[number] || [];
    const header = column === undefined ? undefined : table.tHead.rows[0].cells[column];
    if (header) {
      header.setAttribute("aria-sort", direction);
      resort(table);
    }
  });
  byId("verdict").replaceChildren(...place.querySelectorAll(".verdict"));
}

function order(table) {
  const header = table.tHead.querySelector("th[aria-sort]");
  return header ? [header.cellIndex, header.getAttribute("aria-sort")] : [];
}

/* Trainings */

function showTrials(changed) {
  const table = byId("trials");
  byId("loss-header").querySelector("small").textContent = `${lossName().toLowerCase()}, ${state.unit}`;
  for (const [name, row] of rows) {
    if (!trials.has(name)) {
      row.remove();
      rows.delete(name);
    }
  }
  for (const name of changed) fillRow(table.tBodies[0], name);
  if (changed.length) {
    resort(table);
    filter();
  }
}

function fillRow(body, name) {
  let row = rows.get(name);
  if (!row) {
    row = body.insertRow();
    row.dataset.place = rows.size;
    row.tabIndex = 0;
    onChoice(row, () => pick(name));
    rows.set(name, row);
  }
  const trial = trials.get(name), loss = trial.loss ?? trial.points[1].at(-1);
  row.className = name === picked ? "picked" : trial.state === "pending" ? "muted" : "";
  row.replaceChildren(
    cell(trial.id, "l"),
    cell(trial.phase, "l"),
    cell(trial.change, "l change"),
    cell(trial.state, `l ${trial.state}`),
    cell(percent(trial), "r", trial.step / trial.steps),
    cell(trial.steps.toLocaleString("en"), "r", trial.steps),
    cell(shown(loss), "r", loss),
    cell(trial.gain === null ? "–" : `${signed(trial.gain)} %`, "r", trial.gain),
    cell(number(trial.seconds, 1), "r", trial.seconds),
    cell(number(trial.parameters, 0), "r", trial.parameters),
  );
}

function percent(run) {
  return run.state === "done" ? "100 %" : run.step ? `${Math.floor(100 * run.step / run.steps)} %` : "–";
}

function filter() {
  const wanted = byId("filter").value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const row of rows.values()) {
    const text = [...row.cells].slice(0, 4).map((one) => one.textContent).join(" ").toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
    count += !row.hidden;
  }
  byId("count").textContent = count < rows.size ? `${count} of ${rows.size}` : `${rows.size}`;
}

function showDynamics() {
  byId("dynamics").hidden = !state.md.length;
  const table = byId("md");
  table.tBodies[0].replaceChildren(...state.md.map((run, place) => {
    const row = element("tr", "", run.id === picked ? "picked" : "");
    row.dataset.place = place;
    row.append(
      cell(run.id, "l"), cell(run.state, `l ${run.state}`), cell(percent(run), "r", run.step / run.steps),
      cell(run.steps.toLocaleString("en"), "r", run.steps), cell(number(run.kappa, 2), "r", run.kappa),
      cell(number(run.blocked_error, 2), "r", run.blocked_error), cell(number(run.seconds, 0), "r", run.seconds),
    );
    onChoice(row, () => pick(run.id));
    return row;
  }));
  resort(table);
}

/* One training */

function pick(name) {
  const before = picked;
  picked = name;
  for (const one of [before, name]) rows.get(one)?.classList.toggle("picked", one === name);
  update("curves", curvesChart());
  showDynamics();
  showPicked();
  byId("chosen").scrollIntoView({ block: "nearest" });
}

async function showPicked() {
  const name = picked, run = trials.get(name) || state.md.find((one) => one.id === name);
  byId("chosen").hidden = !run;
  if (!run) return;
  byId("chosen-name").textContent = name;
  const facts = [run.state, run.change, run.seed === undefined ? "" : `seed ${run.seed}`, `${percent(run)} of ${run.steps.toLocaleString("en")} steps`];
  byId("chosen-facts").textContent = facts.filter(Boolean).join(" · ");
  byId("chosen-error").hidden = !run.error;
  byId("chosen-error").textContent = run.error || "";
  const answer = await fetch(`trials/${encodeURIComponent(name)}/log`, { cache: "no-store" }).catch(() => null);
  if (name !== picked || !answer) return;
  const log = byId("log"), atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40 || log.dataset.of !== name;
  log.textContent = answer.ok ? await answer.text() : "It has no log yet.";
  log.dataset.of = name;
  if (atEnd) log.scrollTop = log.scrollHeight;
}

/* Curves */

function curvesChart() {
  const all = [...trials.values()].filter((trial) => trial.points[0].length);
  const stride = Math.ceil(all.reduce((sum, trial) => sum + trial.points[0].length, 1) / MOST_POINTS);
  const best = state.best && state.best.name !== "baseline" ? state.best : { runs: [], name: "" };
  const running = all.filter((trial) => trial.state === "running").slice(0, 9);
  const special = new Set([...running.map((trial) => trial.id), ...best.runs]);
  const others = all.filter((trial) => trial.name !== "baseline" && !special.has(trial.id));
  const data = [
    joined("other trainings", others, stride, { color: "--faint / 0.55", width: 1 }),
    joined("baseline", all.filter((trial) => trial.name === "baseline"), 1, { color: "--baseline", width: 2.5 }),
    joined(`best so far: ${best.name}`, all.filter((trial) => best.runs.includes(trial.id)), 1, { color: "--combined", width: 2.5 }),
    ...running.map((trial, place) => joined(trial.id, [trial], 1, { color: `--c${place}`, width: 1.8 })),
  ].filter((line) => line.x.length);
  if (trials.has(picked)) data.push(joined(`chosen: ${picked}`, [trials.get(picked)], 1, { color: "--ink", width: 3, dash: "dot" }));
  return {
    data,
    layout: {
      height: 440,
      margin: { t: 48 },
      showlegend: true,
      xaxis: { title: { text: "Optimiser step" }, rangemode: "tozero" },
      yaxis: { title: { text: `${lossName()} (${state.unit})` }, type: "log", tickvals: TICKS, ticktext: TICKS.map(String) },
    },
  };
}

function lossName() {
  return `${state.split === "train" ? "Training" : "Validation"} ${state.metric} loss`;
}

/** Curves as one line of Plotly with gaps, which draws a thousand as fast as one. */
function joined(name, several, stride, line) {
  const x = [], y = [], customdata = [];
  for (const trial of several) {
    const [steps, losses] = trial.points;
    for (let at = 0; at < steps.length; at += 1) {
      if (at % stride && at < steps.length - 1) continue;
      x.push(steps[at]);
      y.push(losses[at] * state.factor);
      customdata.push(trial.id);
    }
    x.push(null);
    y.push(null);
    customdata.push("");
  }
  const hovertemplate = `%{customdata}<br>step %{x:,}: %{y:.4g} ${state.unit}<extra></extra>`;
  return { type: "scatter", mode: "lines", name, x, y, customdata, line, hovertemplate, connectgaps: false };
}

/* What happened */

function showEvents() {
  byId("events").replaceChildren(...state.events.map(({ time, event, id, seconds, error }) => {
    const item = element("li"), when = element("time", moment(new Date(time)));
    const took = seconds ? ` in ${duration(seconds)}` : "";
    item.append(when, `${event} ${id || ""}${took}${error ? `: ${error}` : ""}`);
    return item;
  }));
}

/* Small things */

function element(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function cell(text, kind, value) {
  const made = element("td", text, kind);
  if (value !== undefined) made.dataset.value = value ?? "";
  return made;
}

function onChoice(row, choose) {
  row.addEventListener("click", choose);
  row.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
}

function shown(loss) {
  return loss === null || loss === undefined ? "–" : (loss * state.factor).toFixed(state.factor === 1 ? 4 : 2);
}

function number(value, digits) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

function signed(value) {
  return (value > 0 ? "+" : "") + value.toFixed(1).replace("-", "\u2212");
}

function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${(seconds / size).toFixed(1)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

function moment(date) {
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const today = date.toDateString() === new Date().toDateString();
  return today ? time : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

byId("filter").addEventListener("input", filter);
document.addEventListener("drawn", (event) => {
  event.detail.on("plotly_click", ({ points }) => points[0].customdata && pick(points[0].customdata));
});
document.addEventListener("DOMContentLoaded", poll);
