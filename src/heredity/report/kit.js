/* The kit of every page: its facts, numbers as people read them, elements without markup. */
"use strict";

const facts = JSON.parse(document.getElementById("facts").textContent);

function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function perCent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

function duration(seconds) {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
}

/** FLOPs and seconds that something took. */
function effort({ flops, seconds }) {
  return `${flops === null ? "FLOPs not known" : `${flops.toExponential(2)} FLOPs`}, ${duration(seconds)}`;
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
