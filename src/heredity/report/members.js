/* Who there is on the page of a run, what is measured of them, and who is picked. */
"use strict";

const byId = new Map(facts.individuals.map((one) => [one.id, { measures: {}, tensors: [], blocks: [], arisen: {}, added: [], line_size: 1, loading: [], teachers: [], ...one }]));
const everybody = [...byId.values()];
const living = everybody.filter((one) => one.reason === undefined);
const ancestor = living.find((one) => one.id === "0000");
const onFront = new Set(facts.front);

/** Measures: what they are called, and how a value is written. */
const MEASURES = {
  params: { name: "weights", write: count },
  synapses: { name: "live weights", write: count },
  macs: { name: "MACs", write: count },
  bytes: { name: "bytes", write: count },
  latency_ms: { name: "latency", write: (value) => `${value.toFixed(3)} ms` },
  val_error: { name: "validation error", write: perCent },
  test_error: { name: "test error", write: perCent },
};

for (const measure of new Set(living.flatMap((one) => Object.keys(one.measures)))) {
  MEASURES[measure] ??= { name: measure.replaceAll("_", " "), write: (value) => String(Number(value.toPrecision(4))) };
}

/** A measure of somebody, or a dash where it was not measured. */
function written(one, measure) {
  const value = one.measures[measure];
  return value === undefined ? "–" : MEASURES[measure].write(value);
}

/** `1/112 of the ancestor's`, or `23 %` where that is more exact; nothing for the ancestor itself. */
function fraction(one, measure) {
  const share = one.measures[measure] / ancestor?.measures[measure];
  if (one === ancestor || !Number.isFinite(share) || share <= 0) return "";
  return share < 0.1 ? `1/${count(1 / share)}` : `${Math.round(100 * share)} %`;
}

/** A link that picks somebody: the address knows who is picked. */
function linkTo(id) {
  return h("a", { href: `#${id}`, class: "id" }, id);
}

/* Who is picked is in the address (#0042); whatever shows it is told. */
const pick = { id: null, quietly: false, listeners: [] };

function pickById(id, { quietly = false } = {}) {
  pick.quietly = quietly;
  if (location.hash === `#${id}`) heedAddress();
  else location.hash = id;
}

function heedAddress() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (!byId.has(wanted)) return;
  pick.id = wanted;
  pick.listeners.forEach((listener) => listener(byId.get(wanted), pick.quietly));
  pick.quietly = false;
}

/** The line of descent: somebody, the first parent, its first parent, up to a founder. */
function descent(one) {
  const line = [];
  for (let at = one; at && !line.includes(at); at = byId.get(at.parents[0])) line.push(at);
  return line;
}

/** Everybody from whom these descend, themselves included. */
function forebears(individuals) {
  const found = new Set();
  const visit = (one) => {
    if (!one || found.has(one)) return;
    found.add(one);
    one.parents.forEach((id) => visit(byId.get(id)));
  };
  individuals.forEach(visit);
  return found;
}
