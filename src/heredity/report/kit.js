/* The kit: facts, numbers as people read them, elements without markup, and who is picked. */
"use strict";

const facts = JSON.parse(document.getElementById("facts").textContent);
const byId = new Map(facts.individuals.map((one) => [one.id, { measures: {}, tensors: [], loading: [], ...one }]));
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

function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function perCent(share) {
  return `${(100 * share).toFixed(2)} %`;
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

function duration(seconds) {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
}

/** An element; strings among its children become text, never markup. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null));
  return element;
}

function fill(id, ...children) {
  const element = document.getElementById(id);
  element.replaceChildren(...children.flat(Infinity));
  return element;
}

/** Terms and what is said of them, for a `<dl>`; those without a value are left out. */
function terms(pairs) {
  return pairs
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([term, ...values]) => h("div", {}, h("dt", {}, term), h("dd", {}, ...values)));
}

/**
 * A table. `columns` are `{ title, cell(row), kind }`, of which `kind` names classes: text, wrap, minor (not on a phone);
 * `attributes(row)` are those of a row.
 */
function table(caption, columns, rows, attributes = () => ({})) {
  const head = columns.map(({ title, kind }) => h("th", { scope: "col", class: kind }, title));
  const body = rows.map((row) =>
    h("tr", attributes(row), columns.map(({ cell, kind }) => h("td", { class: kind }, cell(row)))));
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
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
