/* What the page says in words and tables: its head, the picked member, tables, anatomy, settings. */
"use strict";

/* head */

fill("title", facts.title);
fill("headline", facts.headline);
fill("notes", facts.notes.map((note) => h("li", {}, note)));

if (facts.met !== null) {
  const asked = facts.ceilings.map(({ measure, ceiling }) => `${MEASURES[measure].name} at most ${MEASURES[measure].write(ceiling)}`);
  const nearest = facts.nearest ? [facts.met ? " by " : "; nearest is ", linkTo(facts.nearest)] : [];
  fill("targets", `Target ${facts.met ? "met" : "not met"} (${asked.join(", ")})`, nearest, ".")
    .classList.add(facts.met ? "met" : "missed");
}

const bound = facts.settings.generations !== null
  ? `${facts.settings.generations} generations`
  : duration(facts.settings.budget_seconds);

fill("ran", terms([
  ["Strategy", facts.settings.strategy],
  ["Cost", MEASURES[facts.cost].name],
  ["Budget", bound],
  ["Seed", String(facts.settings.seed)],
  ["Born", `${everybody.length}, of whom ${facts.front.length} on the front`],
  ["Began", facts.began.slice(0, 16).replace("T", " ") + " UTC"],
  ["Time used", duration(facts.elapsed)],
  ["Training", `${effort(facts.spent)} of workers’ time`],
]));

if (!living.some((one) => "test_error" in one.measures)) document.getElementById("key-test").remove();
if (living.length === everybody.length) document.getElementById("key-failed").remove();

fill("foot", `Written by heredity ${facts.version}. This page needs no network; paths are those under which the run’s folder was known when it was written.`);

/* tables of individuals */

function columns(measures) {
  const cost = { title: "of ancestor", kind: "minor", cell: (one) => fraction(one, facts.cost) || "–" };
  const shown = measures.map((measure) => ({
    title: { val_error: "validation", test_error: "test" }[measure] ?? MEASURES[measure].name,
    kind: ["val_error", "test_error", facts.cost].includes(measure) ? undefined : "minor",
    cell: (one) => written(one, measure),
  }));
  shown.splice(measures.indexOf(facts.cost) + 1, 0, cost);
  return [{ title: "member", kind: "text", cell: (one) => linkTo(one.id) }, ...shown];
}

/** Measures that tell any two of these apart or are there at all; live weights only where synapses are absent. */
function measured(individuals) {
  return Object.keys(MEASURES).filter((measure) => individuals.some((one) =>
    measure in one.measures && (measure !== "synapses" || one.measures.synapses < one.measures.params)));
}

const whose = (one) => ({ "data-id": one.id, "aria-current": one.id === pick.id && "true" });

function membersTable() {
  const members = facts.front.map((id) => byId.get(id));
  const rows = ancestor && !onFront.has(ancestor.id) ? [ancestor, ...members] : members;
  if (!rows.length) return h("p", {}, "Nobody lives, so there is no front.");
  const note = rows.length > members.length ? "; above them the ancestor, which is beaten" : "";
  return table(`Members of the front by descending cost${note}`, columns(measured(rows)), rows, whose);
}

fill("members", membersTable());

const others = document.getElementById("everybody");
if (everybody.length > facts.front.length) {
  others.querySelector("summary").textContent = `Everybody: ${everybody.length} individuals`;
  others.addEventListener("toggle", () => {
    if (others.querySelector("table")) return;
    const all = [
      ...columns(["params", "val_error"]),
      { title: "generation", cell: (one) => String(one.generation) },
      { title: "by", kind: "text", cell: (one) => (one.reason === undefined ? one.operator : `${one.operator}, failed`) },
      { title: "of", kind: "text", cell: (one) => one.parents.join(", ") },
    ];
    others.append(table("All individuals in the order of their births", all, everybody, whose));
  });
} else {
  others.remove();
}

/* the picked member */

function copyButton(text) {
  const button = h("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch { // a browser that does not let pages write: the lines are selected, ready for its own copying
      getSelection().selectAllChildren(button.closest(".snippet").querySelector("pre"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
}

function snippet({ title, code }) {
  return h("div", { class: "snippet" },
    h("header", {}, title, copyButton(code)),
    h("pre", { tabindex: "0", "aria-label": `Lines for ${title}` }, h("code", {}, code)));
}

function memberFacts(one) {
  const shown = measured([one]).map((measure) => {
    const part = measure.endsWith("_error") ? "" : fraction(one, measure);
    return [MEASURES[measure].name, written(one, measure), part && h("small", {}, `${part} of ancestor`)];
  });
  return h("dl", { class: "facts" }, terms([
    ...shown,
    ["inference", one.inference_flops && `${count(one.inference_flops)} FLOPs`],
    ["born", `generation ${one.generation}`, h("small", {}, one.operator)],
    ["took", effort(one.spent)],
    ["with its line", effort(one.line), h("small", {}, one.line_size > 1 ? `${one.line_size} individuals` : "itself alone")],
  ]));
}

function taughtBy({ teachers }) {
  return teachers.length ? [["taught by", teachers.flatMap((id, k) => (k ? [", ", linkTo(id)] : [linkTo(id)]))]] : [];
}

function clusterBars(one) {
  const told = (own, once) => (own > once ? `${count(own)}, grown from ${count(once)}` : `${count(own)} of ${count(once)}`);
  const row = (name, share, text) =>
    h("div", {},
      h("dt", {}, name),
      h("dd", { class: "bar", "aria-hidden": "true" }, widthOf(h("i"), share)),
      h("dd", {}, text));
  const rows = facts.anatomy.families.map(({ name, clusters }, k) => row(name, one.clusters[k] / clusters, told(one.clusters[k], clusters)));
  rows.push(...Object.entries(one.arisen).map(([name, own]) => row(name, 1, `${count(own)}, new`)));
  const list = h("dl", { class: "bars" }, rows);
  return scrolling(list, rows.length, "Clusters of each family");
}

function widthOf(element, share) {
  element.style.width = `${Math.min(100, 100 * share)}%`;
  return element;
}

/** What has more rows than fit scrolls on its own, by the keyboard too. */
function scrolling(element, rows, label) {
  return rows > 14 ? h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, element) : element;
}

let tensorsOpen = false;

function tensorTable(one) {
  const sizes = (shape) => (shape === null ? "none" : shape.length ? shape.join(" × ") : "a number");
  const rows = facts.anatomy.tensors.map((tensor, k) => ({ ...tensor, now: one.tensors[k] }));
  rows.push(...one.added.map(({ name, shape }) => ({ name, shape: null, now: shape })));
  const made = table("Shapes of trained tensors", [
    { title: "tensor", kind: "text wrap", cell: (row) => row.name },
    { title: "ancestor", cell: (row) => sizes(row.shape) },
    { title: one.id, cell: (row) => (sizes(row.now) === sizes(row.shape) ? "same" : h("b", {}, sizes(row.now))) },
  ], rows);
  const remembered = { open: tensorsOpen, ontoggle: (event) => { tensorsOpen = event.target.open; } };
  return h("details", remembered, h("summary", {}, `Shapes of its ${rows.length} tensors`),
    scrolling(made, rows.length, "Shapes of trained tensors"));
}

/** The blocks that have come to it since the ancestor. */
function blockList(one) {
  const told = ({ place, width, kernels }) => {
    const seen = kernels.map((kernel) => (kernel ? `${kernel}` : "pool")).join(", ");
    return place === "identity" ? `kernel ${seen}` : `${count(width)} clusters, kernel${kernels.length > 1 ? "s" : ""} ${seen}`;
  };
  return h("dl", { class: "facts" }, terms(one.blocks.map((block) => [`${block.place} ${block.site}`, told(block)])));
}

function descentList(one) {
  const line = descent(one);
  return h("ol", { class: "descent" }, line.map((at) => {
    const others = at.parents.slice(1).flatMap((id) => [" and ", linkTo(id)]);
    const by = at.parents.length ? ` ${at.operator} of ${at.parents[0]}` : ` ${at.operator}`;
    const told = at.reason === undefined ? ` · ${written(at, facts.cost)} ${MEASURES[facts.cost].name} · ${written(at, "val_error")} error` : " · failed";
    return h("li", {}, linkTo(at.id), by, others, told);
  }));
}

function showMember(one) {
  const badges = [
    one.reason !== undefined && h("span", { class: "badge failed" }, "failed"),
    one === ancestor && h("span", { class: "badge ancestor" }, "ancestor"),
    onFront.has(one.id) && h("span", { class: "badge front" }, "on the front"),
  ].filter(Boolean);
  fill("member",
    h("h3", { id: "member-title" }, `${onFront.has(one.id) ? "Member" : "Individual"} `, h("span", { class: "id" }, one.id), badges),
    one.reason === undefined ? [] : h("p", { class: "failed-text" }, `Failed: ${one.reason}`),
    one.refused === undefined ? [] : h("p", { class: "failed-text" }, `Not exported: ${one.refused}`),
    memberFacts(one),
    facts.genes.length ? [h("h4", {}, "Built and trained with"), h("dl", { class: "facts" }, terms([...expressions(one), ...taughtBy(one)]))] : [],
    one.loading.length ? [h("h4", {}, "How to load it"), one.loading.map(snippet)] : [],
    facts.anatomy.families.length ? [h("h4", {}, "Clusters beside the ancestor’s"), clusterBars(one)] : [],
    one.blocks.length ? [h("h4", {}, "Blocks that it has beside the ancestor’s layers"), blockList(one)] : [],
    one.tensors.length ? tensorTable(one) : [],
    h("h4", {}, "Line of descent"),
    descentList(one));
}

pick.listeners.push((one, quietly) => {
  showMember(one);
  for (const row of document.querySelectorAll("tr[data-id]")) {
    if (row.dataset.id === one.id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  const fact = one.reason === undefined ? `${written(one, facts.cost)}, ${written(one, "val_error")} validation error` : "failed";
  fill("announcement", `Picked ${one.id}: ${fact}`);
  const place = document.getElementById("member").getBoundingClientRect();
  if (!quietly && (place.top > innerHeight - 120 || place.bottom < 120)) {
    document.getElementById("member").scrollIntoView({ block: "start" });
  }
});

/* failures, anatomy, settings */

if (facts.failures.length) {
  fill("failures", h("h3", {}, "Newborns that failed"), table("Reasons, the most frequent first", [
    { title: "failed", cell: ({ ids }) => String(ids.length) },
    { title: "reason", kind: "text wrap", cell: ({ reason }) => reason },
    { title: "who", kind: "text wrap", cell: ({ ids }) => ids.flatMap((id, k) => (k ? [", ", linkTo(id)] : [linkTo(id)])) },
  ], facts.failures));
}

const { families, fixed, mutable_share: mutable, unknown } = facts.anatomy;
fill("anatomy-lead", unknown === null
  ? `A family is a set of clusters that are interchangeable: a cluster is a filter with every slice of every tensor coupled to it. ${(100 * mutable).toFixed(1)} % of the trained weights are in families that can change.`
  : `The ancestor could not be built again, so only its families can be told: ${unknown}`);
const coupling = [
  { title: "made by", kind: "text wrap minor", cell: ({ made }) => made.join(", ") },
  { title: "read by", kind: "text wrap", cell: ({ read }) => read.join(", ") },
];
fill("families", families.length ? scrolling(table("Families of the ancestor", [
  { title: "family", kind: "text wrap", cell: ({ name }) => name },
  { title: "clusters", cell: ({ clusters }) => count(clusters) },
  ...(unknown === null ? coupling : []),
], families), families.length, "Families of the ancestor") : h("p", {}, "None."));
fill("fixed", fixed.length ? scrolling(table("Channels that stay", [
  { title: "layer", kind: "text wrap", cell: ({ name }) => name },
  { title: "channels", cell: ({ clusters }) => count(clusters) },
  { title: "why", kind: "text wrap", cell: ({ reason }) => reason },
], fixed), fixed.length, "Channels that stay") : h("p", {}, unknown === null ? "Nothing." : "Not known without the ancestor."));

const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;

/** What a nested record says, on one level: pairs of where it says it and what. */
function flat(record, where = []) {
  return Object.entries(record).flatMap(([key, value]) => {
    const place = [...where, key.replaceAll("_", " ")];
    if (isRecord(value)) return flat(value, place);
    const text = Array.isArray(value) ? value.join(", ") : typeof value === "object" ? "" : String(value); // null, or {}
    return [[place.join(" · "), text || "–"]];
  });
}

function group(title, record) {
  return h("div", { class: "group" }, h("h3", {}, title), h("dl", { class: "settings" }, terms(flat(record))));
}

const [nested, plain] = [true, false].map((kind) => Object.entries(facts.settings).filter(([, value]) => isRecord(value) === kind));
fill("run-settings", group("The run", Object.fromEntries(plain)),
  nested.map(([key, record]) => group(capital(key.replaceAll("_", " ")), record)));

const timed = living.filter((one) => "latency_ms" in one.measures).length;
const tested = living.filter((one) => "test_error" in one.measures).length;
fill("protocol", terms([
  ["error", `${capital(facts.settings.criterion?.error ?? "share of wrong examples")}; 0 % is perfect.`],
  ["validation error", "On the validation split, of every newborn; selection saw nothing else, and the front is chosen by it."],
  ["test error", `Read once, at the run’s end, for members of the front and the ancestor (${tested} so far); nothing was chosen by it.`],
  ["latency", `onnxruntime, ${facts.latency_protocol}; measured of ${timed} individuals.`],
  ["weights", "All that the ONNX file holds: absent synapses are never counted as savings, they only make live weights fewer."],
  ["MACs", "Multiply-accumulates for one example, by arithmetic on the layers’ shapes."],
  ["FLOPs", "Two per multiply-accumulate. Training: three times an answer’s for every example of every step, and a teacher’s answers where they are not remembered; measuring errors does not count. Whoever failed counts as far as it got, where that is known."],
  ["with its line", "What an individual took, everybody it descends from, and siblings that trained what they share, each counted once."],
  ["bytes", "Of the ONNX file."],
]));
