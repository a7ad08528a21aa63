/** The list of deliveries, and its filters. */

import { byId, el } from "../dom.js";
import { dash, stageBadge, verdictBadge } from "./badges.js";
import { encodingLine } from "./encoding.js";
import { morph } from "./morph.js";
import { STAGES } from "./stages.js";
import { panel } from "./trouble.js";
import { moment, size } from "./words.js";

/** @typedef {import("./api.js").Listed} Listed */

const FILTERS = ["stage", "age", "priority", "verdict"];
const DAY_MS = 86_400_000;
// The API looks for the stage; the other filters are applied here. So that a rare one does not show an empty page,
// a look goes back for this many pages.
const FEW = 10;
const FAR = 4;
const COLUMNS = ["Title", "Stage", "Quality", "Priority", "Size", "Delivered"];

export class List {
  #api;
  #rows = byId("rows");
  /** @type {HTMLFormElement} */
  #form = byId("filters");
  /** @type {Listed[] | null} */
  #loaded = null;
  #more = false;
  #pages = 1;
  #opened = "";

  /**
   * @param {object} options
   * @param {import("./api.js").StudioApi} options.api
   * @param {(query: string) => void} options.onFilter  told the filters, as the address holds them
   * @param {() => void} options.onLookBack             called when older deliveries are wanted
   */
  constructor({ api, onFilter, onLookBack }) {
    this.#api = api;
    const stages = Object.entries(STAGES).map(([value, { label }]) => el("option", { value }, label.toLowerCase()));
    this.#select("stage").append(el("option", { value: "" }, "any"), ...stages);
    this.#form.addEventListener("change", () => onFilter(this.#query()));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("reset", (event) => {
      event.preventDefault();
      onFilter("");
    });
    this.#rows.addEventListener("click", ({ target }) => {
      const action = target instanceof Element ? target.closest("[data-action]")?.getAttribute("data-action") : null;
      if (action === "clear") onFilter("");
      if (action === "look-back") {
        this.#pages += 1;
        onLookBack();
      }
    });
  }

  /**
   * Take the filters out of the address.
   *
   * @param {URLSearchParams} query
   */
  open(query) {
    for (const name of FILTERS) {
      const select = this.#select(name);
      select.value = query.get(name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    byId("clear").hidden = !this.#query();
    // Who comes back from a delivery finds the list as long as it was.
    if (this.#query() !== this.#opened) this.#pages = 1;
    this.#opened = this.#query();
    if (this.#loaded) this.#render();
    else morph(this.#rows, ...skeleton());
  }

  /**
   * Ask for the deliveries, and show them.
   *
   * @param {() => boolean} wanted  whether the answer still is, when it comes
   */
  async look(wanted) {
    const asked = this.#query();
    /** @type {Map<string, Listed>} */
    const found = new Map();
    let cursor = null;
    let pages = 0;
    do {
      const page = await this.#api.deliveries({ stage: this.#select("stage").value, cursor });
      // While the pages are asked for, a new delivery moves the others: one may come twice.
      for (const delivery of page.deliveries) found.set(`${delivery.delivery_id}/${delivery.version_id}`, delivery);
      cursor = page.cursor;
      pages += 1;
    } while (cursor && (pages < this.#pages || (pages < FAR && this.#fitting([...found.values()]).length < FEW)));
    if (!wanted() || asked !== this.#query()) return;
    this.#loaded = [...found.values()];
    this.#more = cursor !== null;
    this.#pages = Math.max(this.#pages, pages);
    this.#render();
  }

  /**
   * Say why there is nothing; what was shown before stays.
   *
   * @param {import("./trouble.js").Fault} fault
   * @param {boolean} final  what was shown before goes
   * @returns {boolean}  whether it was said
   */
  fail(fault, final) {
    if (this.#loaded && !final) return false;
    this.#loaded = null;
    byId("count").textContent = "";
    morph(this.#rows, panel(fault));
    return true;
  }

  /** Forget everything: somebody else may sign in. */
  clear() {
    this.#loaded = null;
    this.#pages = 1;
    this.#rows.replaceChildren();
    byId("count").textContent = "";
  }

  #render() {
    const loaded = this.#loaded ?? [];
    const shown = this.#fitting(loaded);
    const filtered = this.#query() !== "";
    const count = `${shown.length} ${shown.length === 1 ? "delivery" : "deliveries"}`;
    byId("count").textContent = loaded.length === 0 ? "" : this.#more ? `${count} of the newest` : count;
    if (shown.length) {
      morph(this.#rows, table(shown), this.#more ? lookBack("Show older deliveries") : "");
    } else if (filtered) {
      const fits = panel(
        { heading: "No delivery fits", advice: "None of the newest deliveries fits all filters.", role: "status" },
        el("button", { class: "primary", type: "button", "data-action": "clear" }, "Clear filters"),
        this.#more ? lookBack("Look further back") : "",
      );
      morph(this.#rows, fits);
    } else {
      morph(this.#rows, nothingYet());
    }
  }

  /** @param {Listed[]} deliveries */
  #fitting(deliveries) {
    const [stage, age, priority, verdict] = FILTERS.map((name) => this.#select(name).value);
    const since = age ? Date.now() - Number(age) * DAY_MS : -Infinity;
    return deliveries.filter(
      (delivery) =>
        (!stage || delivery.stage === stage) &&
        Date.parse(delivery.delivered_at) >= since &&
        (!priority || delivery.priority === priority) &&
        (!verdict || delivery.verdict === verdict),
    );
  }

  #query() {
    const query = new URLSearchParams();
    for (const name of FILTERS) if (this.#select(name).value) query.set(name, this.#select(name).value);
    return String(query);
  }

  /**
   * @param {string} name
   * @returns {HTMLSelectElement}
   */
  #select(name) {
    return this.#form[name];
  }
}

/** @param {Listed[]} deliveries */
function table(deliveries) {
  // The roles are said, because on a narrow screen the style makes cards of the rows.
  return el(
    "table",
    { class: "deliveries", role: "table", "aria-labelledby": "list-heading", "data-key": "table" },
    el(
      "thead",
      { role: "rowgroup" },
      el("tr", { role: "row" }, ...COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name))),
    ),
    el("tbody", { role: "rowgroup" }, ...deliveries.map(row)),
  );
}

/** @param {Listed} delivery */
function row(delivery) {
  const { delivery_id, version_id, title_id, title_name, priority, size_bytes, delivered_at } = delivery;
  const { encoding, stage, verdict } = delivery;
  const address = `#/deliveries/${encodeURIComponent(delivery_id)}/versions/${encodeURIComponent(version_id)}`;
  /** @type {(name: string, ...content: (Node | string)[]) => HTMLElement} */
  const cell = (name, ...content) => el("td", { role: "cell", class: name }, ...content);
  return el(
    "tr",
    { role: "row", "data-key": `${delivery_id}/${version_id}`, "data-delivery": delivery_id },
    el(
      "th",
      { role: "rowheader", scope: "row" },
      el("a", { href: address }, title_name ?? title_id ?? "Unreadable manifest"),
      el("span", { class: "where" }, delivery_id),
    ),
    cell("at-stage", stageBadge(stage), stage === "encoding" && encoding ? encodingLine(encoding) : ""),
    cell("quality", verdictBadge(verdict)),
    cell("priority", priority ?? dash()),
    cell("size", size_bytes === null ? dash() : size(size_bytes)),
    cell("delivered", moment(delivered_at)),
  );
}

/** @param {string} label */
function lookBack(label) {
  return el("button", { class: "quiet back", type: "button", "data-action": "look-back", "data-key": "back" }, label);
}

function nothingYet() {
  return el(
    "div",
    { class: "panel notice", "data-key": "notice" },
    el("h2", {}, "Nothing is delivered yet"),
    el(
      "p",
      {},
      "Send a folder with the film and its manifest, by SFTP or with ",
      el("code", {}, "marquee upload"),
      ". It appears here as soon as its manifest has arrived.",
    ),
  );
}

function skeleton() {
  return [
    el("p", { class: "visually-hidden", role: "status", "data-key": "loading" }, "Loading the deliveries"),
    el(
      "div",
      { class: "skeleton", "aria-hidden": "true", "data-key": "skeleton" },
      ...Array.from({ length: 6 }, () => el("div")),
    ),
  ];
}
