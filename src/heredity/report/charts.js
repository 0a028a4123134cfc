/* What the page draws: the front, generations, lineage. Drawn anew when somebody is picked or the colours change. */
"use strict";

const view = { cost: facts.cost, error: living.every((one) => one.measures.val_error > 0) ? "log" : "linear" };
const BEYOND = 10;

/** An axis of a measure: errors in per cent, costs with k and M. `values` are what is drawn along it. */
function measureAxis(measure, values, type = "log") {
  const ticks = type === "log" ? logTicks(values) : { nticks: 6 };
  const error = measure.endsWith("_error");
  const title = error ? "error, %" : measure === "latency_ms" ? "latency, ms" : MEASURES[measure].name;
  return axis(title, { type, tickformat: error || measure === "latency_ms" ? "~g" : "~s", ...ticks });
}

/** What hovering says: ids and numbers only, as Plotly reads markup in text. */
function told(one) {
  const costs = measured([one]).filter((measure) => measure !== "synapses").map((measure) => {
    const part = measure.endsWith("_error") ? "" : fraction(one, measure);
    return `${MEASURES[measure].name}: ${written(one, measure)}${part && ` (${part})`}`;
  });
  return [`<b>${one.id}</b>, generation ${one.generation}`, ...costs].join("<br>");
}

function points(individuals, x, y, more) {
  return {
    type: "scatter", mode: "markers", x: individuals.map(x), y: individuals.map(y),
    customdata: individuals.map((one) => one.id), text: individuals.map(told), hovertemplate: "%{text}<extra></extra>",
    ...more,
  };
}

function clickable(div) {
  div.on("plotly_click", ({ points: [point] }) => {
    if (byId.has(point.customdata)) pickById(point.customdata, { quietly: true });
  });
}

function addChart(div, figure, { picks = false } = {}) {
  const { draw, drawn } = drawInto(div, figure);
  drawn.then(() => picks && clickable(div));
  if (picks) pick.listeners.push(draw);
}

/* the front */

function choice(legend, name, options, chosen, state = view) {
  const labels = options.map(([value, text]) =>
    h("label", {}, h("input", {
      type: "radio", name, value, checked: value === state[name],
      onchange: () => { state[name] = value; chosen(); },
    }), text));
  return h("fieldset", { class: "choice" }, h("legend", {}, legend), h("div", { class: "options" }, labels));
}

function frontFigure() {
  const cost = (one) => one.measures[view.cost];
  const error = (one) => 100 * one.measures.val_error;
  const placed = onChart();
  const members = placed.filter((one) => onFront.has(one.id)).sort((a, b) => cost(a) - cost(b));
  const first = placed.filter((one) => one === ancestor);
  const place = (one) => `${cost(one)} ${error(one)}`;
  const taken = new Set([...members, ...first].map(place)); // whoever lies under one of these would be picked instead
  const rest = placed.filter((one) => !onFront.has(one.id) && !taken.has(place(one)));
  const tested = members.filter((one) => "test_error" in one.measures);
  const picked = placed.filter((one) => one.id === pick.id);
  const line = view.cost === facts.cost && facts.objectives.length === 2;
  return {
    traces: [
      points(rest, cost, error, { marker: { color: colour("crowd"), size: 6, opacity: 0.45 } }),
      points(tested, cost, (one) => 100 * one.measures.test_error, {
        marker: { color: colour("front"), size: 8, symbol: "diamond-open", opacity: 0.75 },
      }),
      points(members, cost, error, {
        mode: line ? "lines+markers" : "markers",
        line: { color: colour("front"), width: 1.5, shape: "hv" }, marker: { color: colour("front"), size: 10 },
      }),
      points(first, cost, error, {
        marker: { color: colour("ancestor"), size: 15, symbol: "star", line: { color: colour("card"), width: 1 } },
      }),
      points(picked, cost, error, {
        hoverinfo: "skip", hovertemplate: null,
        marker: { color: "rgba(0,0,0,0)", size: 22, line: { color: colour("picked"), width: 2.5 } },
      }),
    ],
    more: { ...ceilingLines(), showlegend: false, xaxis: measureAxis(view.cost, placed.map(cost)), yaxis: measureAxis("val_error", placed.map(error), view.error) },
  };
}

/** Dashed lines at what the user asked for, and where one point above the ancestor lies. */
function ceilingLines() {
  const marks = facts.ceilings
    .filter(({ measure }) => measure === view.cost || measure === "val_error")
    .map(({ measure, ceiling }) => (measure === "val_error" ? { y: 100 * ceiling, name: "target" } : { x: ceiling, name: "target" }));
  if (ancestor) marks.push({ y: 100 * (ancestor.measures.val_error + 0.01), name: "ancestor + 1 point" });
  const at = (mark, axisName, value) => (axisName === "y" && view.error === "linear" ? value : Math.log10(value));
  return {
    shapes: marks.map((mark) => ({
      type: "line", layer: "below", line: { color: colour(mark.name === "target" ? "failed" : "ancestor"), width: 1, dash: "dot" },
      ...(mark.y === undefined
        ? { x0: mark.x, x1: mark.x, yref: "paper", y0: 0, y1: 1 }
        : { y0: mark.y, y1: mark.y, xref: "paper", x0: 0, x1: 1 }),
    })),
    annotations: marks.map((mark) => ({
      text: mark.name, showarrow: false, font: { size: 11, color: colour(mark.name === "target" ? "failed" : "ancestor") },
      ...(mark.y === undefined
        ? { x: at(mark, "x", mark.x), yref: "paper", y: 1, yanchor: "top", xanchor: "left" }
        : { y: at(mark, "y", mark.y), xref: "paper", x: 1, xanchor: "right", yanchor: "bottom" }),
    })),
  };
}

/** Who has a place on the front's chart: an error beyond all measure would squeeze the others together. */
function onChart() {
  return living.filter((one) => one.measures[view.cost] > 0 && one.measures.val_error < BEYOND);
}

function captionFront() {
  const placed = onChart().length;
  const some = placed < living.length ? ` ${placed} of ${living.length} are shown: the others lack this measure, or have an error above ${100 * BEYOND} %.` : "";
  fill("front-caption", `${capital(MEASURES[view.cost].name)} against error: the less of both, the better.${some}`);
  document.getElementById("front-chart").setAttribute("aria-label",
    `${MEASURES[view.cost].name} against error of ${placed} individuals, ${facts.front.length} of them on the front; the table of members says the same in numbers.`);
}

/* generations */

function generationCharts() {
  const all = facts.generations;
  const numbers = all.map(({ number }) => number);
  const line = (name, values, tone, more = {}) => ({
    type: "scatter", mode: "lines+markers", name, x: numbers, y: values,
    line: { color: colour(tone), width: 2 }, marker: { size: 6 }, hovertemplate: `%{y:,.4~g}<extra>${name}</extra>`, ...more,
  });
  const bars = (name, values, tone) => ({
    type: "bar", name, x: numbers, y: values, marker: { color: colour(tone) }, hovertemplate: `%{y}<extra>${name}</extra>`,
  });
  const of = (key, part, scale = 1) => all.map((one) => (one[key] ? scale * one[key][part] : null));
  const ends = [numbers[0] - 0.5, numbers.at(-1) + 0.5];
  const steps = () => axis("generation", { dtick: all.length > 16 ? undefined : 1, tickformat: "d", range: ends, showgrid: false });
  const whole = (title, more) => axis(title, { rangemode: "tozero", ...more });
  return [
    ["Error", "best and median validation error by generation", () => ({
      traces: [line("median", of("error", "median", 100), "crowd"), line("best", of("error", "least", 100), "front")],
      more: { xaxis: steps(), yaxis: measureAxis("val_error", of("error", "median", 100), view.error) },
    })],
    [capital(MEASURES[facts.cost].name), `least, median and largest ${MEASURES[facts.cost].name} by generation`, () => ({
      traces: [
        line("most", of("cost", "most"), "crowd", { line: { color: colour("crowd"), width: 1 } }),
        line("median", of("cost", "median"), "ancestor"),
        line("least", of("cost", "least"), "front"),
      ],
      more: { xaxis: steps(), yaxis: measureAxis(facts.cost, [...of("cost", "least"), ...of("cost", "most")]) },
    })],
    ["Born", "developed and failed newborns by generation", () => ({
      traces: [
        bars("developed", all.map((one) => one.developed), "front"),
        bars("failed", all.map((one) => one.failed), "failed"),
      ].filter(({ name, y }) => name === "developed" || y.some(Boolean)),
      more: { barmode: "stack", bargap: 0.35, showlegend: true, xaxis: steps(), yaxis: whole("newborns") },
    })],
    ["Time used", "time used up to the end of each generation", () => {
      const [unit, name] = facts.elapsed > 600 ? [60, "minutes"] : [1, "seconds"];
      return {
        traces: [line(name, all.map(({ elapsed }) => elapsed / unit), "front", { fill: "tozeroy" })],
        more: { showlegend: false, xaxis: steps(), yaxis: whole(name) },
      };
    }],
  ];
}

/* lineage */

/** The parts of the lineage that are drawn: pairs of parent and child. */
function edges(children) {
  return children.flatMap((child) => child.parents.filter((id) => byId.has(id)).map((id) => [byId.get(id), child]));
}

function lineageFigure() {
  const placed = living.filter((one) => one.measures[lineageCost] > 0);
  const floor = Math.min(...placed.map((one) => one.measures[lineageCost])) / 1.6;
  const x = (one) => Number(one.id);
  const y = (one) => one.measures[lineageCost] ?? floor;
  const toFront = forebears(facts.front.map((id) => byId.get(id)));
  const line = pick.id ? [...forebears([byId.get(pick.id)])] : [];
  const drawn = (pairs, tone, width, opacity) => ({
    type: "scatter", mode: "lines", hoverinfo: "skip", opacity,
    x: pairs.flatMap(([a, b]) => [x(a), x(b), null]), y: pairs.flatMap(([a, b]) => [y(a), y(b), null]),
    line: { color: colour(tone), width },
  });
  const failed = everybody.filter((one) => one.reason !== undefined);
  const side = everybody.filter((one) => !toFront.has(one));
  return {
    traces: [
      drawn(edges(side), "crowd", 1, 0.3),
      drawn(edges([...toFront]), "front", 1.5, 0.75),
      drawn(edges(line), "picked", 2.5, 1),
      points(placed.filter((one) => !onFront.has(one.id)), x, y, { marker: { color: colour("crowd"), size: 6, opacity: 0.7 } }),
      points(placed.filter((one) => onFront.has(one.id)), x, y, { marker: { color: colour("front"), size: 9 } }),
      points(placed.filter((one) => one === ancestor), x, y, { marker: { color: colour("ancestor"), size: 15, symbol: "star", line: { color: colour("card"), width: 1 } } }),
      ...(failed.length ? [points(failed, x, y, { marker: { color: colour("failed"), size: 8, symbol: "x-thin", line: { color: colour("failed"), width: 1.5 } } })] : []),
      points(line.filter((one) => one.id === pick.id), x, y, {
        hoverinfo: "skip", hovertemplate: null,
        marker: { color: "rgba(0,0,0,0)", size: 20, line: { color: colour("picked"), width: 2.5 } },
      }),
    ],
    more: {
      showlegend: false,
      xaxis: axis("generation", { ...generationTicks(), showgrid: false }),
      yaxis: measureAxis(lineageCost, placed.map(y)),
      shapes: boundaries(),
    },
  };
}

const lineageCost = living.every((one) => facts.cost in one.measures) ? facts.cost : "params";

/** By generation: the numbers of its first and last birth. */
function spans() {
  const found = new Map();
  for (const { id, generation } of everybody) {
    const [first, last] = found.get(generation) ?? [Infinity, -Infinity];
    found.set(generation, [Math.min(first, Number(id)), Math.max(last, Number(id))]);
  }
  return [...found].sort(([a], [b]) => a - b);
}

/** As many generations as there is room to name. */
function named() {
  const all = spans();
  const each = Math.ceil(all.length / (innerWidth < 640 ? 9 : 20));
  return all.filter((_, k) => k % each === 0);
}

function generationTicks() {
  const shown = named();
  return { tickvals: shown.map(([, [first, last]]) => (first + last) / 2), ticktext: shown.map(([number]) => String(number)) };
}

function boundaries() {
  return named().slice(1).map(([, [first]]) => ({
    type: "line", layer: "below", yref: "paper", x0: first - 0.5, x1: first - 0.5, y0: 0, y1: 1, line: { color: colour("line"), width: 1 },
  }));
}

function captionLineage(one) {
  const line = descent(one).flatMap((at, k) => (k ? [" ← ", linkTo(at.id)] : [linkTo(at.id)]));
  fill("lineage-caption", "Picked: ", line, `. Its facts are under `, h("a", { href: "#member" }, "the front"), ".");
}

/* all of it */

if (living.length) {
  const front = document.getElementById("front-chart");
  const redraw = () => { captionFront(); draws.forEach((draw) => draw()); };
  const costs = ["params", "macs", "bytes", "latency_ms"].filter((measure) => living.filter((one) => measure in one.measures).length > 1 || measure === facts.cost);
  document.getElementById("front-controls").append(
    choice("Cost", "cost", costs.map((measure) => [measure, MEASURES[measure].name]), redraw),
    ...(view.error === "log" ? [choice("Error", "error", [["log", "log"], ["linear", "linear"]], redraw)] : []));
  captionFront();
  addChart(front, frontFigure, { picks: true });
  pick.listeners.push(captionLineage);
  document.getElementById("lineage-chart").setAttribute("aria-label",
    "Lines of descent of all individuals by birth and cost; each member’s own line is listed where its facts are.");
  addChart(document.getElementById("lineage-chart"), lineageFigure, { picks: true });
} else {
  document.querySelectorAll("#front .plot, #lineage").forEach((element) => element.remove());
}

if (facts.generations.length) {
  fill("generations-lead", `${everybody.length} born in ${facts.generations.length} generations, the ancestor’s included; ${everybody.length - living.length} failed.`);
  fill("generations-spent", table("What training took", [
    { title: "generation", cell: ({ number }) => String(number) },
    { title: "born", cell: ({ developed, failed }) => String(developed + failed) },
    { title: "FLOPs", cell: ({ spent }) => (spent.flops === null ? "–" : spent.flops.toExponential(2)) },
    { title: "workers’ time", cell: ({ spent }) => duration(spent.seconds) },
  ], facts.generations));
  for (const [title, label, figure] of generationCharts()) {
    const chart = h("div", { class: "chart", role: "img", "aria-label": label });
    document.getElementById("generation-charts").append(h("figure", { class: "plot" }, h("h3", {}, title), chart));
    addChart(chart, figure);
  }
} else {
  fill("generations-lead", "Nobody was born.");
}

if (facts.genes.length && living.length) {
  for (const gene of facts.genes) {
    const chart = h("div", { class: "chart", role: "img", "aria-label": `${gene.name} of everybody, by generation; whoever is picked has it in the card` });
    document.getElementById("gene-charts").append(h("figure", { class: "plot" }, h("h3", {}, capital(gene.name)), chart));
    addChart(chart, () => geneFigure(gene), { picks: true });
  }
} else {
  document.querySelectorAll("#genes, nav a[href='#genes']").forEach((element) => element.remove());
}

if (regularised.length) {
  fill("groups-lead", `${regularised.length} trained with a prior on the norms of their groups of weights. A mixture pulls those that are not needed to zero, so that they can go without a loss.`);
  const changed = () => { captionGroups(); draws.forEach((draw) => draw()); };
  const individuals = choice("Individual", "id", regularised.map(({ id }) => [id, id]), changed, groupsView);
  const families = choice("Mixture of", "family", mixed.map((family) => [family, family || "the rest"]), changed, groupsView);
  document.getElementById("groups-controls").append(individuals, ...(mixed.length > 1 ? [families] : []), momentSlider(changed));
  captionGroups();
  addChart(document.getElementById("groups-course"), courseFigure);
  addChart(document.getElementById("groups-moment"), momentFigure);
} else {
  document.querySelectorAll("#groups, nav a[href='#groups']").forEach((element) => element.remove());
}

addEventListener("hashchange", heedAddress);
heedAddress();
if (!pick.id && (facts.picked ?? everybody[0]?.id)) {
  pick.id = facts.picked ?? everybody[0].id;
  pick.listeners.forEach((listener) => listener(byId.get(pick.id), true));
}
if (!everybody.length) document.getElementById("member").remove();
