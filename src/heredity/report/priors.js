/* Group priors: the norms of groups of weights through a training, the mixture that pulled them, and its boundary. */
"use strict";

const regularised = living.filter((one) => one.prior !== undefined);
const mixed = [...new Set(regularised.flatMap(({ prior }) => prior.mixtures.map(({ family }) => family)))];
const groupsView = { id: regularised[0]?.id, done: 1, family: mixed[0] };
const shownPrior = () => byId.get(groupsView.id).prior;

/** Of the family that is chosen, if the individual has a mixture for it. */
function shownMixture() {
  const { mixtures } = shownPrior();
  return mixtures.find(({ family }) => family === groupsView.family) ?? mixtures[0];
}

/** The middles of the bins of norms. */
function middles({ edges }) {
  return edges.map((edge, k) => (edge + (edges[k - 1] ?? 0)) / 2);
}

function courseFigure() {
  const [prior, mixture] = [shownPrior(), shownMixture()];
  const percent = prior.progress.map((share) => 100 * share);
  const shades = [[0, colour("card")], [0.35, colour("crowd")], [1, colour("front")]];
  const traces = [{
    type: "heatmap", x: percent, y: middles(prior), z: prior.edges.map((_, k) => mixture.counts.map((row) => Math.log10(1 + row[k]))),
    customdata: prior.edges.map((_, k) => mixture.counts.map((row) => row[k])), colorscale: shades, showscale: false,
    hovertemplate: "%{x:.0f} %: %{customdata} groups of norm %{y:.2f}<extra></extra>",
  }];
  if (mixture.thresholds.length) {
    traces.push({
      type: "scatter", mode: "lines", x: percent, y: mixture.thresholds, line: { color: colour("ancestor"), width: 2 },
      hovertemplate: "boundary %{y:.3f}<extra></extra>",
    });
  }
  return {
    traces,
    more: { showlegend: false, xaxis: axis("training done, %", { showgrid: false }), yaxis: axis("norm, in its family\u2019s unit", { range: [0, prior.edges.at(-1)], showgrid: false }) },
  };
}

/** The reading that is shown: the last one unless another moment was chosen. */
function moment() {
  const last = shownPrior().progress.length - 1;
  return Math.round(groupsView.done * last);
}

/** Chooses a moment of the training. */
function momentSlider(changed) {
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.01, value: groupsView.done });
  slider.addEventListener("input", () => { groupsView.done = Number(slider.value); changed(); });
  const label = Object.assign(document.createElement("label"), { className: "slider" });
  label.append("Moment", slider);
  return label;
}

function momentFigure() {
  const [prior, mixture] = [shownPrior(), shownMixture()];
  const at = moment();
  const line = (values, tone) => ({
    type: "scatter", mode: "lines", x: middles(prior), y: values.map((value) => Math.max(value, 1e-3)), line: { color: colour(tone), width: 2, shape: "spline" }, hoverinfo: "skip",
  });
  const boundary = mixture.thresholds[at];
  return {
    traces: [
      { type: "bar", x: middles(prior), y: mixture.counts[at], marker: { color: colour("crowd") }, hovertemplate: "%{y} groups of norm %{x:.2f}<extra></extra>" },
      ...(mixture.curves[at] ?? []).map((values, k) => line(values, k ? "front" : "failed")),
    ],
    more: {
      showlegend: false, bargap: 0.05, xaxis: axis("norm, in its family\u2019s unit (the last bar: and above)", { range: [0, prior.edges.at(-1)], showgrid: false }),
      yaxis: axis("groups", { type: "log", range: [-0.5, Math.log10(2 * Math.max(...mixture.counts.flat()))], dtick: 1 }),
      shapes: boundary === undefined ? [] : [{ type: "line", x0: boundary, x1: boundary, yref: "paper", y0: 0, y1: 1, line: { color: colour("ancestor"), width: 2, dash: "dot" } }],
    },
  };
}

function captionGroups() {
  const [prior, mixture] = [shownPrior(), shownMixture()];
  const at = moment();
  const when = at === prior.progress.length - 1 ? "At its end" : `When ${Math.round(100 * prior.progress[at])} % was done`;
  const asked = prior.share === null ? "" : `${perCent(prior.share)} of the network was asked to go. `;
  const curves = mixture.curves.length ? "Curves are the components: that of unneeded groups with as many as are below the boundary, the others with those above." : "";
  fill("groups-when", when);
  fill("groups-caption", `${asked}The first bar is what has been pulled to nothing. ${curves}`);
  const whose = mixture.family ? `${groupsView.id}, ${mixture.family}` : groupsView.id;
  document.getElementById("groups-course").setAttribute("aria-label", `norms of the ${count(mixture.counts[0].reduce((a, b) => a + b))} groups of ${whose} through its training`);
  document.getElementById("groups-moment").setAttribute("aria-label", `norms of the groups of ${whose}: ${when}`);
}
