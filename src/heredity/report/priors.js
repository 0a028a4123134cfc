/* Group priors: the norms of groups of weights through a training, the mixture that pulled them, and its boundary. */
"use strict";

const regularised = living.filter((one) => one.prior !== undefined);
const groupsView = { id: regularised[0]?.id };
const shownPrior = () => byId.get(groupsView.id).prior;

/** The middles of the bins of norms. */
function middles({ edges }) {
  return edges.map((edge, k) => (edge + (edges[k - 1] ?? 0)) / 2);
}

function courseFigure() {
  const prior = shownPrior();
  const percent = prior.progress.map((share) => 100 * share);
  const shades = [[0, colour("card")], [0.35, colour("crowd")], [1, colour("front")]];
  const traces = [{
    type: "heatmap", x: percent, y: middles(prior), z: prior.edges.map((_, k) => prior.counts.map((row) => Math.log10(1 + row[k]))),
    customdata: prior.edges.map((_, k) => prior.counts.map((row) => row[k])), colorscale: shades, showscale: false,
    hovertemplate: "%{x:.0f} %: %{customdata} groups of norm %{y:.2f}<extra></extra>",
  }];
  if (prior.thresholds.length) {
    traces.push({
      type: "scatter", mode: "lines", x: percent, y: prior.thresholds, line: { color: colour("ancestor"), width: 2 },
      hovertemplate: "threshold %{y:.3f}<extra></extra>",
    });
  }
  return {
    traces,
    more: { showlegend: false, xaxis: axis("training done, %", { showgrid: false }), yaxis: axis("norm, in its family\u2019s unit", { range: [0, prior.edges.at(-1)], showgrid: false }) },
  };
}

function endFigure() {
  const prior = shownPrior();
  const counts = prior.counts.at(-1);
  const line = (values, tone) => ({
    type: "scatter", mode: "lines", x: middles(prior), y: values.map((value) => Math.max(value, 1e-3)), line: { color: colour(tone), width: 2, shape: "spline" }, hoverinfo: "skip",
  });
  const at = prior.thresholds.at(-1);
  return {
    traces: [
      { type: "bar", x: middles(prior), y: counts, marker: { color: colour("crowd") }, hovertemplate: "%{y} groups of norm %{x:.2f}<extra></extra>" },
      ...prior.curves.map((values, k) => line(values, k ? "front" : "failed")),
    ],
    more: {
      showlegend: false, bargap: 0.05, xaxis: axis("norm, in its family\u2019s unit", { range: [0, prior.edges.at(-1)], showgrid: false }),
      yaxis: axis("groups", { type: "log", range: [-0.5, Math.log10(2 * Math.max(...counts))], dtick: 1 }),
      shapes: at === undefined ? [] : [{ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: colour("ancestor"), width: 2, dash: "dot" } }],
    },
  };
}

function captionGroups() {
  const prior = shownPrior();
  const asked = prior.share === null ? "" : `${perCent(prior.share)} of the network was asked to go. `;
  fill("groups-caption", `${asked}The first bar is what has been pulled to nothing; curves are the two components, with as many groups each as are on their side of the boundary.`);
  document.getElementById("groups-course").setAttribute("aria-label", `norms of the ${count(prior.counts[0].reduce((a, b) => a + b))} groups of ${groupsView.id} through its training`);
  document.getElementById("groups-end").setAttribute("aria-label", `norms of the groups of ${groupsView.id} when its training ended`);
}
