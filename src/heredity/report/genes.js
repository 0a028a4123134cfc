/* Genes: what everybody was built and trained with, generation by generation. */
"use strict";

/** A gene's value for people. */
function expressed(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(3))) : String(value);
}

/** A gene in everybody who has it, and in numbers its median by generation. */
function geneFigure({ name, values }) {
  const having = living.map((one) => [one, values[everybody.indexOf(one)]]).filter(([, value]) => value !== null);
  const numbers = typeof having[0][1] === "number";
  const valued = new Map(having);
  const generations = [...new Set(having.map(([one]) => one.generation))];
  const middle = (generation) => {
    const sorted = having.filter(([one]) => one.generation === generation).map(([, value]) => value).sort((a, b) => a - b);
    return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
  };
  const drawn = having.map(([, value]) => value);
  const wide = numbers && Math.min(...drawn) > 0 && Math.max(...drawn) / Math.min(...drawn) > 8;
  const some = (kept, marker) => points(having.map(([one]) => one).filter(kept), (one) => one.generation, (one) => valued.get(one), { marker });
  const median = { type: "scatter", mode: "lines", x: generations, y: generations.map(middle), line: { color: colour("ancestor"), width: 1.5 }, hoverinfo: "skip" };
  return {
    traces: [
      ...(numbers ? [median] : []),
      some((one) => !onFront.has(one.id), { color: colour("crowd"), size: 6, opacity: 0.6 }),
      some((one) => onFront.has(one.id), { color: colour("front"), size: 9 }),
      some((one) => one.id === pick.id, { color: "rgba(0,0,0,0)", size: 18, line: { color: colour("picked"), width: 2.5 } }),
    ],
    more: {
      showlegend: false, xaxis: axis("generation", { tickformat: "d", dtick: generations.length > 16 ? undefined : 1, showgrid: false }),
      yaxis: axis("", wide ? { type: "log", tickformat: "~g", ...logTicks(drawn) } : numbers ? {} : { type: "category" }),
    },
  };
}

/** What genes say of somebody, for the card. */
function expressions(one) {
  const place = everybody.indexOf(one);
  return facts.genes.filter(({ values }) => values[place] !== null).map(({ name, values }) => [name, expressed(values[place])]);
}
