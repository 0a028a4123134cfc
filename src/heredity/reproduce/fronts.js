/* The page of a study of fronts: everybody who lived, by error and weights, and what the arms' fronts are worth. */
"use strict";

/** A median, its range below it, and below that the difference to the first arm, each where there is one. */
function compared({ median, least, largest, less_first: less }, write) {
  const signed = (value) => (value < 0 ? `−${write(-value)}` : `+${write(value)}`);
  return [
    h("div", {}, write(median)),
    least === largest ? [] : h("div", {}, h("small", {}, `${write(least)} .. ${write(largest)}`)),
    less ? h("div", {}, h("small", {}, `${signed(less.mean)} (${signed(less.low)} .. ${signed(less.high)})`)) : [],
  ];
}

const BOUNDS = { networks: (limit) => `${count(limit)} networks`, seconds: (limit) => `${duration(limit)} of development` };
const GENES = { "recipe.culture.weight": "lambda", "recipe.culture.temperature": "T", agreement: "agreement with the teacher" };

function frontTable(bound) {
  const own = facts.fronts.filter((front) => front.bound === bound);
  const alike = new Set(own.map(({ seeds }) => seeds)).size === 1; // the table above tells how many
  const limits = [...new Set(own.map(({ limit }) => BOUNDS[bound](limit)))];
  const title = `${bound === "networks" ? "With as many networks" : "With as much computing time"}${limits.length === 1 ? `: ${limits[0]}` : ""}`;
  return [h("h3", {}, title), table(title, [
    { title: "arm", kind: "text", cell: named },
    ...(alike ? [] : [{ title: "seeds", kind: "minor", cell: ({ seeds }) => String(seeds) }]),
    ...(limits.length === 1 ? [] : [{ title: "within", kind: "minor", cell: ({ limit }) => BOUNDS[bound](limit) }]),
    { title: "hypervolume", cell: ({ hypervolume }) => compared(hypervolume, (area) => area.toFixed(1)) },
    { title: "smallest, weights", cell: ({ weights }) => compared({ ...weights, less_first: null }, count) },
    { title: "of the ancestor's", cell: ({ share }) => compared(share, perCent) },
    { title: "its test error", cell: ({ error }) => compared(error, perCent) },
    ...(facts.within === null ? [] : [{ title: `within ${count(facts.within)} weights`, cell: ({ within }) => (within ? compared(within, perCent) : "–") }]),
    { title: "ancestor's", kind: "minor", cell: ({ ancestor_error: error }) => compared({ ...error, less_first: null }, perCent) },
  ], own)];
}

function learntTable() {
  const written = (value) => Number(value.toPrecision(3)).toString();
  return [h("h3", {}, "What culture became"), table("What culture became", [
    { title: "arm", kind: "text", cell: named },
    { title: "what", kind: "text", cell: ({ gene }) => GENES[gene] },
    { title: "in generation 1", cell: ({ first }) => written(first) },
    { title: "after the last", cell: ({ last }) => written(last) },
    { title: "correlation with error, by ranks", cell: ({ correlation }) => (correlation ? correlation.map((value) => value.toFixed(2)).join(", ") : "–") },
  ], facts.learnt)];
}

const errorAxis = () => axis("test error, %", { rangemode: "tozero" });
const weightAxis = (traces) => axis("weights", { type: "log", tickformat: "~s", ...logTicks(traces.flatMap(({ x }) => x)) });

/** The median front of an arm, as steps: within so many weights, such an error. */
function stepsOf({ front, ...series }, line) {
  return {
    type: "scatter", mode: "lines", name: named(series), x: front.map(([weights]) => weights), y: front.map(([, error]) => 100 * error),
    line: { shape: "hv", width: 2, ...line }, hovertemplate: `%{x:,} weights: %{y:.2f} %<extra>${named(series)}</extra>`,
  };
}

function cloudOf(series) {
  return () => {
    const { individuals } = series;
    const generations = individuals.map(([generation]) => generation);
    const everybody = {
      type: "scatter", mode: "markers", showlegend: false, x: individuals.map(([, weights]) => weights), y: individuals.map(([, , error]) => 100 * error),
      marker: { size: 5, color: generations, colorscale: "Viridis", showscale: true, colorbar: { title: { text: "generation" }, thickness: 10, dtick: Math.ceil(Math.max(...generations, 1) / 10) } },
      text: generations.map((generation) => `generation ${generation}`), hovertemplate: "%{text}: %{x:,} weights, %{y:.2f} %<extra></extra>",
    };
    const traces = [everybody, stepsOf(series, { color: colour("ink") })];
    return { traces, more: { showlegend: false, xaxis: weightAxis(traces), yaxis: errorAxis() } };
  };
}

/** All arms' fronts; a dotted line where a published share of the ancestor's weights is. */
function frontsFigure() {
  const steps = drawn().filter(({ front }) => front.length).map((series) => stepsOf(series, { color: hue(series.kind), dash: look(series).dash, width: series.preset === "best" ? 4 : 2 }));
  const ancestor = Math.max(...facts.series[0].individuals.filter(([generation]) => generation === 0).map(([, weights]) => weights));
  const highest = Math.max(...steps.flatMap(({ y }) => y));
  const published = beside().filter(({ points }) => points.share).flatMap((curve) => curve.points.share.map((share) => ({
    type: "scatter", mode: "lines", name: curve.name, x: [share * ancestor, share * ancestor], y: [0, highest],
    line: { color: colour("ancestor"), width: 1, dash: "dot" }, hovertemplate: `${curve.name}<extra></extra>`,
  })));
  const traces = [...steps, ...published];
  return { traces, more: { showlegend: traces.length < 12, xaxis: weightAxis(traces), yaxis: errorAxis() } };
}

function cloud(title, figure) {
  const chart = h("div", { class: "chart tall", role: "img", "aria-label": title });
  document.getElementById("clouds").append(h("figure", { class: "plot" }, h("h3", {}, title), chart));
  drawInto(chart, figure);
}

if (facts.shows === "fronts" && facts.series.length) {
  fill("fronts", frontTable("networks"), frontTable("seconds"), h("p", { class: "lead" },
    "Medians over seeds; below them ranges, and the mean difference to the first arm, seed by seed, with its 95 % interval (bootstrap). ",
    "Hypervolume: of ln weights and error in %, to the ancestor's weights and 50 %; higher is better. ",
    "Smallest: with no more validation error than the ancestor. Within so many weights: the test error of who errs least there. Test errors were read once, when all was chosen."),
  facts.learnt.length ? [learntTable(), h("p", { class: "lead" },
    "Lambda and T: centres of what they are drawn from. Agreement: the share of validation answers that are the teacher's, medians of a generation. ",
    "Correlation: individuals' ranks within their generation, by it and by validation error; median, least and largest over seeds. ",
    "Below 0, who learns more from the teacher (or from softer answers, or has come to answer like it) errs less.")] : []);
  cloud("Fronts of all arms, medians over seeds", frontsFigure);
  for (const series of facts.series) cloud(`${named(series)}: everybody, by generation`, cloudOf(series));
}
