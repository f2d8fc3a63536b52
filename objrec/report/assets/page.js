// Shows the images behind a cell of a figure, and one image closer. Everything else on the page
// works without this script. It loads nothing: the data is the JSON in #rows.
"use strict";

const data = JSON.parse(document.getElementById("rows").textContent);
const [FILE, OBJECT, CATEGORY, ANSWER, PROBABILITY, ENERGY, EXCESS, TRUE_POSE, POSE, CELL, PICTURE, NUMBER] =
  Array.from({ length: 12 }, (_, i) => i);
const AT_ONCE = 120;
document.documentElement.classList.add("scripted");
const byNumber = new Map(data.rows.map((row) => [row[NUMBER], row]));
const azimuth = data.axes.findIndex(([name]) => name === "azimuth");

const isWrong = (row) => row[CATEGORY] !== row[ANSWER];
const said = (row) => isWrong(row)
  ? `${data.categories[row[CATEGORY]]} taken for ${data.categories[row[ANSWER]]}`
  : `${data.categories[row[CATEGORY]]}, recognised`;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function poseText(values) {
  return data.axes
    .map(([name, unit], i) => (values[i] === null ? "" : `${name} ${Number(values[i].toPrecision(3))}${unit}`))
    .filter(Boolean).join(", ");
}

function picture(row) {
  const place = row[PICTURE];
  if (!place) return make("span", { className: "tile none", textContent: row[FILE].slice(-24) });
  const tile = make("span", { className: `tile sheet-${place[0]}` });
  tile.style.backgroundPosition = `${place[1]}% ${place[2]}%`;
  return tile;
}

// What a link chooses: [images, in words].
function chosen(link) {
  const { key, view, object } = link.dataset;
  const target = link.getAttribute("href").slice(1);
  if (object !== undefined) {
    const index = data.objects.indexOf(object);
    return [data.rows.filter((row) => row[OBJECT] === index), `of ${object}`];
  }
  if (view !== undefined) {
    const [category, low, high] = view.split(",").map(Number);
    const width = (high - low + 360) % 360;
    const inside = (row) => row[TRUE_POSE][azimuth] !== null && (row[TRUE_POSE][azimuth] - low + 360) % 360 < width;
    return [data.rows.filter((row) => row[CATEGORY] === category && inside(row)), link.textContent];
  }
  const [a, b] = key.split(",").map(Number);
  if (target === "confusion-images") {
    const seen = a === b ? "recognised" : `taken for ${data.categories[b]}`;
    return [data.rows.filter((row) => row[CATEGORY] === a && row[ANSWER] === b), `${data.categories[a]} ${seen}`];
  }
  const words = (link.getAttribute("aria-label") || "").split(":")[0];
  return [data.rows.filter((row) => row[CELL] && row[CELL][0] === a && row[CELL][1] === b), words];
}

// A copy of a cell's edge on top of all other cells, which would cover half of its own.
function outline(cell, name) {
  const figure = cell.closest("svg");
  figure.querySelector(`path.${name}`)?.remove();
  const mark = cell.querySelector("path").cloneNode();
  mark.removeAttribute("style");
  mark.setAttribute("class", name);
  figure.append(mark);
}

// The panel right below the figure, list or table that the link stands in.
function show(link) {
  const panel = document.getElementById(link.getAttribute("href").slice(1));
  const [rows, words] = chosen(link);
  rows.sort((a, b) => isWrong(b) - isWrong(a));
  const wrong = rows.filter(isWrong).length;
  (link.closest("figure") || link.closest("ul, .scroll"))?.after(panel);
  panel.hidden = false;
  panel.opener = link;
  panel.querySelector("strong").textContent =
    `${rows.length} ${rows.length === 1 ? "image" : "images"}: ${words}` + (wrong && wrong < rows.length ? `; ${wrong} wrong` : "") +
    (data.rows.length < data.images ? ". The page has not room for all that are right." : "");
  const thumbs = panel.querySelector(".thumbs");
  const more = panel.querySelector(".more");
  thumbs.replaceChildren();
  let shown = 0;
  more.onclick = () => {
    for (const row of rows.slice(shown, shown + AT_ONCE)) {
      const button = make("button", { type: "button", className: isWrong(row) ? "thumb wrong" : "thumb" }, picture(row));
      button.setAttribute("aria-label", `${said(row)}; ${poseText(row[TRUE_POSE])}; ${row[FILE]}`);
      button.title = said(row);
      button.onclick = () => closer.open(row, rows, button);
      thumbs.append(button);
    }
    shown += AT_ONCE;
    more.hidden = shown >= rows.length;
  };
  more.onclick();
  document.querySelectorAll("path.chosen").forEach((mark) => mark.remove());
  if (link.dataset.key !== undefined) {
    document.querySelectorAll(`svg a[href="#${panel.id}"][data-key="${link.dataset.key}"]`)
      .forEach((cell) => outline(cell, "chosen"));
  }
  panel.scrollIntoView({ block: "nearest" });
}

function closePanel(panel) {
  panel.hidden = true;
  document.querySelectorAll("path.chosen").forEach((mark) => mark.remove());
  panel.opener?.focus();
}

// One image closer, in a dialog.
const closer = {
  dialog: document.getElementById("closer"),
  rows: [],
  at: 0,
  opener: null,

  open(row, rows, opener) {
    this.rows = rows;
    this.opener = opener;
    this.at = rows.indexOf(row);
    this.fill();
    this.dialog.showModal();
  },

  step(by) {
    this.at = (this.at + by + this.rows.length) % this.rows.length;
    this.fill();
  },

  fill() {
    const row = this.rows[this.at];
    this.dialog.querySelector("[aria-live]").textContent = `${this.at + 1} of ${this.rows.length}: ${said(row)}`;
    const known = document.getElementById(`failure-${row[NUMBER]}`);
    const article = known ? known.cloneNode(true) : described(row);
    article.removeAttribute("id");
    article.querySelectorAll("button").forEach((button) => button.replaceWith(...button.childNodes));
    this.dialog.querySelector(".body").replaceChildren(article);
  },
};

// An image of which the gallery says nothing.
function described(row) {
  const line = (label, text) => make("p", {}, make("span", { className: "soft", textContent: `${label} ` }), text);
  const energy = row[ENERGY] === null ? "" : `energy ${row[ENERGY]}`;
  const above = row[EXCESS] ? `, true category ${row[EXCESS]} above` : "";
  const lines = [line("probability", `${(100 * row[PROBABILITY]).toFixed(1)} %`), line("", energy + above)];
  for (const [label, values] of [["labelled", row[TRUE_POSE]], ["answered", row[POSE]]]) {
    const text = poseText(values);
    if (text) lines.push(line(label, text));
  }
  lines.push(line("object", data.objects[row[OBJECT]]));
  lines.push(make("p", { className: "file soft", textContent: row[FILE] }));
  const image = picture(row);
  image.setAttribute("role", "img");
  image.setAttribute("aria-label", said(row));
  const text = make("div", {}, make("h3", { textContent: said(row) }), ...lines);
  return make("article", { className: "failure" }, make("div", { className: "who" }, image, text));
}

// A figure's cells are one stop of the tab key; arrows go from cell to cell.
function place(cell) {
  const box = cell.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}

function neighbour(cell, key) {
  const along = key === "ArrowLeft" || key === "ArrowRight" ? 0 : 1;
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  const from = place(cell);
  let best = null;
  let least = Infinity;
  for (const other of cell.closest("svg").querySelectorAll("a")) {
    const to = place(other);
    const ahead = sign * (to[along] - from[along]);
    const aside = Math.abs(to[1 - along] - from[1 - along]);
    const cost = ahead + 20 * aside;
    if (ahead > 1 && (along || aside < 2) && cost < least) [best, least] = [other, cost];
  }
  return best;
}

for (const figure of document.querySelectorAll("svg")) {
  figure.querySelectorAll("a").forEach((cell, i) => cell.setAttribute("tabindex", i ? "-1" : "0"));
  figure.addEventListener("keydown", (event) => {
    const cell = event.target.closest("a");
    if (!cell || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(cell, event.key);
    if (!next) return;
    cell.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}

// On the document: a figure that listens for focus itself would become a stop of the tab key.
document.addEventListener("focusin", (event) => {
  document.querySelector("path.cursor")?.remove();
  const cell = event.target.closest("svg a");
  if (cell) outline(cell, "cursor");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-key], a[data-view], a[data-object]");
  if (link) {
    event.preventDefault();
    show(link);
    return;
  }
  const opener = event.target.closest("button.open");
  if (opener) {
    const rows = [...document.querySelectorAll("button.open")].map((b) => byNumber.get(Number(b.dataset.row))).filter(Boolean);
    const row = byNumber.get(Number(opener.dataset.row));
    if (row) closer.open(row, rows, opener);
  }
  const close = event.target.closest(".panel .close");
  if (close) closePanel(close.closest(".panel"));
  const step = event.target.closest("[data-step]");
  if (step) closer.step(Number(step.dataset.step));
  if (event.target === closer.dialog) closer.dialog.close();
});

closer.dialog.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  closer.step(by);
});
closer.dialog.addEventListener("close", () => closer.opener?.focus());
document.addEventListener("keydown", (event) => {
  const panel = event.key === "Escape" && !closer.dialog.open && event.target.closest?.(".panel");
  if (panel) closePanel(panel);
});
