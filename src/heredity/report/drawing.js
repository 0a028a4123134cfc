/* Charts: their colours and axes, and what draws them anew when the colours change. */
"use strict";

const draws = []; // every chart, as a function that draws it
const touch = matchMedia("(pointer: coarse)").matches;
const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false, doubleClick: "reset" };

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(title, more = {}) {
  return {
    title: { text: title, standoff: 8, font: { size: 12 } },
    gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true,
    fixedrange: touch, // a finger scrolls the page
    ...more,
  };
}

/** As many ticks as there is room for on a logarithmic axis along which these values are drawn. */
function logTicks(values) {
  const drawn = values.filter((value) => value > 0);
  const decades = Math.log10(Math.max(...drawn) / Math.min(...drawn));
  return decades > 0.9 ? { dtick: decades > (innerWidth < 640 ? 1.8 : 2.6) ? 1 : "D2" } : { nticks: 6 };
}

function layout(more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("muted") },
    margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "closest", dragmode: touch ? false : "zoom",
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink"), size: 13 }, align: "left" },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
    ...more,
  };
}

/** Draws a figure, `() => ({ traces, more })`, into an element; gives a promise that it is drawn, and what draws it anew. */
function drawInto(div, figure) {
  const draw = () => {
    const { traces, more } = figure();
    return Plotly.react(div, traces, layout(more), CONFIG);
  };
  draws.push(draw);
  return { draw, drawn: draw() };
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draws.forEach((draw) => draw()));
