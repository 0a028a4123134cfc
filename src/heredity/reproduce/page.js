/* The page of a study: its outcome in a table, our curves over the published points, what was chosen, settings. */
"use strict";

/** Measures: what they are called, how a value is written, on which axis. */
const MEASURES = {
  generation: { name: "generation", write: String, scale: 1 },
  accuracy: { name: "accuracy on test, %", write: (share) => `${(100 * share).toFixed(2)} %`, scale: 100 },
  ensemble_accuracy: { name: "accuracy of the ensemble, %", write: (share) => `${(100 * share).toFixed(2)} %`, scale: 100 },
  params: { name: "weights", write: count, scale: 1, log: true },
  architectural_efficiency: { name: "architectural efficiency", write: times, scale: 1, log: true },
  cluster_efficiency: { name: "cluster efficiency", write: times, scale: 1, log: true },
  storage_bytes: { name: "storage, bytes", write: count, scale: 1, log: true },
  cluster_variety: { name: "variety by clusters", write: short, scale: 1 },
  synapse_variety: { name: "variety by synapses", write: short, scale: 1 },
  latency_ms: { name: "one example, ms", write: (ms) => `${ms.toFixed(3)} ms`, scale: 1, log: true },
  computed_flops: { name: "FLOPs of training", write: (flops) => flops.toExponential(1), scale: 1 },
  computed: { name: "computing time, s", write: duration, scale: 1 },
};

const CHARTS = {
  growth: [
    ["accuracy", "generation"], ["ensemble_accuracy", "generation"], ["params", "generation"], ["accuracy", "params"],
    ["accuracy", "computed"], ["ensemble_accuracy", "computed"], ["accuracy", "computed_flops"], ["params", "computed_flops"],
  ],
  fronts: [["accuracy", "generation"], ["params", "generation"], ["accuracy", "computed"]],
  efficiencies: [
    ["accuracy", "generation"], ["accuracy", "architectural_efficiency"],
    ["architectural_efficiency", "generation"], ["cluster_efficiency", "generation"],
    ["storage_bytes", "generation"], ["accuracy", "storage_bytes"],
    ["cluster_variety", "generation"], ["synapse_variety", "generation"],
    ["latency_ms", "architectural_efficiency"], ["latency_ms", "cluster_efficiency"],
    ["accuracy", "params"], ["params", "generation"], ["accuracy", "computed"], ["architectural_efficiency", "computed"],
  ],
}[facts.shows];

function times(value) {
  return `${value < 100 ? Number(value.toPrecision(3)) : count(value)}x`;
}

function short(value) {
  return value.toFixed(3);
}

/** A value as people read it, or a dash where there is none. */
function written(measure, value) {
  return value === null || value === undefined ? "–" : MEASURES[measure].write(value);
}

/* head and tables */

fill("title", facts.title);
fill("headline", facts.source);
fill("notes",
  facts.scale === "smoke" ? [h("li", {}, "A smoke: tiny networks, hardly trained. It shows that everything works, and no result.")] : [],
  facts.data === null ? [] : [h("li", {}, `All arms were run on ${facts.data}, instead of their own data.`)]);
const seeds = Math.max(0, ...facts.lines.map((line) => line.seeds));
fill("ran", terms([
  ["Study", facts.study],
  ["Scale", facts.scale],
  ["Arms", String(facts.series.length)],
  ["Seeds", String(seeds)],
]));
fill("foot", `Written by heredity ${facts.version}. This page needs no network; table.csv and generations.csv beside it name, for every row, the run and the individual that it was measured on.`);
fill("claims", facts.claims.map((claim) => h("li", {}, claim)));

const named = (line) => `${line.arm} (${line.preset})`;
fill("lines", facts.lines.length ? table("Arms of the study", [
  { title: "arm", kind: "text", cell: named },
  { title: "seeds", kind: "minor", cell: (line) => String(line.seeds) },
  { title: "generations", cell: (line) => String(line.generations) },
  { title: "weights", among: ["growth", "fronts"], cell: (line) => written("params", line.params) },
  { title: "architectural efficiency", among: ["efficiencies"], cell: (line) => times(line.architectural_efficiency) },
  { title: "cluster efficiency", among: ["efficiencies"], cell: (line) => times(line.cluster_efficiency) },
  { title: "storage", among: ["efficiencies"], kind: "minor", cell: (line) => count(line.storage_bytes) },
  { title: "one example", among: ["efficiencies", "growth"], kind: "minor", cell: (line) => written("latency_ms", line.latency_ms) },
  { title: "ancestor's", among: ["efficiencies", "growth"], kind: "minor", cell: (line) => written("latency_ms", line.ancestor_latency_ms) },
  { title: "ancestor", kind: "minor", cell: (line) => written("accuracy", line.ancestor_accuracy) },
  { title: "accuracy", cell: (line) => written("accuracy", line.accuracy) },
  { title: "ensemble", among: ["efficiencies", "growth"], kind: "minor", cell: (line) => written("ensemble_accuracy", line.ensemble_accuracy) },
  { title: "efficiency within 2 points", among: ["efficiencies"], cell: (line) => times(line.accepted) },
  { title: "variety by clusters", among: ["efficiencies", "growth"], kind: "minor", cell: (line) => written("cluster_variety", line.cluster_variety) },
  { title: "variety by synapses", among: ["efficiencies", "growth"], kind: "minor", cell: (line) => written("synapse_variety", line.synapse_variety) },
].filter(({ among }) => !among || among.includes(facts.shows)), facts.lines) : h("p", {}, "Nothing was run yet."));
fill("missing", facts.missing.length ? table("Arms that were not run", [
  { title: "arm", kind: "text", cell: ({ arm }) => arm },
  { title: "", kind: "text wrap", cell: ({ says }) => says },
  { title: "", kind: "text", cell: () => "not run" },
], facts.missing) : h("p", {}, "Every arm was run."));
fill("choice-table", table("What is not published, and what was chosen", [
  { title: "what", kind: "text wrap", cell: ({ what }) => what },
  { title: "chosen", kind: "text wrap", cell: ({ chosen }) => chosen },
  { title: "why", kind: "text wrap", cell: ({ why }) => why },
], facts.choices));
fill("published", facts.curves.length ? table("Published points", [
  { title: "curve", kind: "text wrap", cell: ({ name }) => name },
  { title: "origin", kind: "text", cell: ({ origin }) => origin },
  { title: "points", cell: ({ points }) => String(Math.max(...Object.values(points).map((values) => values.length))) },
  { title: "note", kind: "text wrap", cell: ({ note }) => note },
], facts.curves) : h("p", {}, "None."));

fill("series", facts.series.map((one) => h("details", {},
  h("summary", {}, `${named(one)}: ${one.says}; runs ${one.runs.join(", ")}`),
  h("dl", { class: "settings" }, terms(Object.entries(one.settings).map(([key, value]) => [key, JSON.stringify(value)]))))));

/* charts */

const kinds = [...new Set(facts.series.map(({ kind }) => kind))];
const view = { kind: null };

/** A colour of its own for each kind, at even steps around the wheel. */
function hue(kind, opacity = 1) {
  const light = matchMedia("(prefers-color-scheme: dark)").matches ? 68 : 38;
  return `hsla(${Math.round(170 + (360 * kinds.indexOf(kind)) / kinds.length) % 360}, 65%, ${light}%, ${opacity})`;
}

const drawn = () => facts.series.filter(({ kind }) => view.kind === null || kind === view.kind);
const beside = () => {
  const arms = new Set(drawn().map(({ arm }) => arm));
  return facts.curves.filter((curve) => !curve.beside.length || curve.beside.some((arm) => arms.has(arm)));
};

/** Arms of one kind differ by their lines, presets by their marks. */
function look(series) {
  const arms = [...new Set(facts.series.filter(({ kind }) => kind === series.kind).map(({ arm }) => arm))];
  return { dash: ["solid", "dash", "dashdot"][arms.indexOf(series.arm) % 3], symbol: series.preset === "best" ? "diamond" : "circle" };
}

function ofPoint(point, measure) {
  return measure === "generation" ? [point.generation, point.generation, point.generation] : point.measures[measure];
}

function tracesOf(series, y, x) {
  const points = series.points.filter((point) => ofPoint(point, y) && ofPoint(point, x));
  const at = (measure, k) => points.map((point) => MEASURES[measure].scale * ofPoint(point, measure)[k]);
  const { dash, symbol } = look(series);
  const colour = hue(series.kind);
  const several = points.some((point) => point.seeds > 1);
  const range = several && x === "generation" ? [{
    type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false, line: { width: 0 }, fill: "toself", fillcolor: hue(series.kind, 0.13),
    x: [...at(x, 1), ...at(x, 1).reverse()], y: [...at(y, 0), ...at(y, 2).reverse()],
  }] : [];
  const middle = at(y, 1);
  const reach = several && x !== "generation" ? {
    error_y: {
      type: "data", symmetric: false, thickness: 1, width: 2, color: hue(series.kind, 0.5),
      array: at(y, 2).map((value, k) => value - middle[k]), arrayminus: at(y, 0).map((value, k) => middle[k] - value),
    },
  } : {};
  return [...range, {
    type: "scatter", mode: "lines+markers", name: named(series), x: at(x, 1), y: middle, ...reach,
    line: { color: colour, width: 2, dash }, marker: { color: colour, size: 6, symbol },
    text: points.map((point) => `generation ${point.generation}: ${written(y, ofPoint(point, y)[1])}`),
    hovertemplate: `%{text}<extra>${named(series)}</extra>`,
  }];
}

function traceOfCurve(curve, y, x, k) {
  const scaled = (measure) => curve.points[measure].map((value) => MEASURES[measure].scale * value);
  return {
    type: "scatter", mode: "lines+markers", name: curve.name, x: scaled(x), y: scaled(y),
    line: { color: colour("ancestor"), width: 1, dash: "dot" },
    marker: { color: colour("ancestor"), size: 8, symbol: ["square-open", "triangle-up-open", "circle-open", "star-open"][k % 4] },
    text: curve.points[y].map((value) => written(y, value)), hovertemplate: `%{text}<extra>${curve.name}</extra>`,
  };
}

function figureOf(y, x) {
  return () => {
    const published = beside().filter(({ points }) => points[y] && points[x]);
    const traces = [...drawn().flatMap((series) => tracesOf(series, y, x)), ...published.map((curve, k) => traceOfCurve(curve, y, x, k))];
    const kind = (measure, along) => {
      const values = traces.flatMap((trace) => trace[along]);
      if (MEASURES[measure].log) return { type: "log", tickformat: "~s", ...logTicks(values) };
      return measure === "generation" ? { tickformat: "d", dtick: Math.ceil(Math.max(...values, 1) / 16) } : {};
    };
    return {
      traces,
      more: {
        showlegend: drawn().length + published.length < 8,
        xaxis: axis(MEASURES[x].name, { ...kind(x, "x"), ...(x === "storage_bytes" ? { autorange: "reversed" } : {}) }),
        yaxis: axis(MEASURES[y].name, kind(y, "y")),
      },
    };
  };
}

if (facts.series.length) {
  for (const [y, x] of CHARTS) {
    const some = facts.series.some(({ points }) => points.some((point) => ofPoint(point, y) && ofPoint(point, x)));
    if (!some) continue;
    const title = `${capital(MEASURES[y].name)} by ${MEASURES[x].name}`;
    const tall = facts.series.length + facts.curves.length > 4 ? " tall" : ""; // room for the legend
    const chart = h("div", { class: `chart${tall}`, role: "img", "aria-label": title });
    document.getElementById("charts").append(h("figure", { class: "plot" }, h("h3", {}, title), chart));
    drawInto(chart, figureOf(y, x));
  }
  if (kinds.length > 3) {
    const select = h("select", { id: "kind" }, h("option", { value: "" }, "all"), kinds.map((kind) => h("option", { value: kind }, kind)));
    select.addEventListener("change", () => { view.kind = select.value || null; draws.forEach((draw) => draw()); });
    document.getElementById("controls").append(h("label", {}, "Show ", select));
  }
}
