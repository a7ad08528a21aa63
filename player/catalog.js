/** The catalog: a billboard for the first film, a grid of all. */

import { el, runningTime } from "./dom.js";

/** @typedef {import("./api.js").Title} Title */

/**
 * Show that the catalog is on its way.
 *
 * @param {HTMLElement} root
 */
export function showLoading(root) {
  root.replaceChildren(
    el("div", { class: "billboard waiting" }),
    el("p", { class: "visually-hidden", role: "status" }, "Loading the films"),
  );
}

/**
 * Show the catalog.
 *
 * @param {HTMLElement} root
 * @param {Title[]} titles
 */
export function showTitles(root, titles) {
  if (titles.length === 0) {
    showNotice(root, "Nothing is showing yet", "A film appears here as soon as its first version is published.");
    return;
  }
  root.replaceChildren(
    billboard(titles[0]),
    el(
      "div",
      { class: "shelf" },
      el("h2", {}, "All films"),
      el("ul", { class: "grid", role: "list" }, ...titles.map(card)),
    ),
  );
}

/**
 * Put what there is to go on with above the films that are shown; nothing, if there is nothing.
 *
 * @param {HTMLElement} root
 * @param {Title[]} titles
 * @param {import("./api.js").Begun[]} begun  the latest first
 */
export function showBegun(root, titles, begun) {
  const cards = begun.flatMap((one) => {
    const title = titles.find(({ title_id }) => title_id === (one.next_title_id ?? one.title_id));
    return title ? [begunCard(title, one.next_title_id ? null : one.position_s)] : [];
  });
  if (cards.length === 0) return;
  root.querySelector(".shelf")?.before(
    el(
      "div",
      { class: "shelf", id: "begun" },
      el("h2", {}, "Continue watching"),
      el("ul", { class: "grid", role: "list", "aria-label": "Continue watching" }, ...cards),
    ),
  );
}

/**
 * Show why there is no catalog, and a way to look again.
 *
 * @param {HTMLElement} root
 * @param {string} heading
 * @param {string} advice
 * @param {string} [code]
 */
export function showNotice(root, heading, advice, code = "") {
  root.replaceChildren(
    el(
      "div",
      { class: "panel notice", role: "alert" },
      el("h1", { tabindex: "-1" }, heading),
      el("p", {}, advice),
      code ? el("p", { class: "code" }, `Code ${code}`) : "",
      el("a", { class: "primary", href: "/" }, "Look again"),
    ),
  );
}

/**
 * Return what stands under a film's name: its place in its series, year and running time.
 *
 * @param {Title} title
 */
export function metaLine(title) {
  return [title.series?.name, placeOf(title), title.year, runningTime(title.duration_s)].filter(Boolean).join(" · ");
}

/**
 * Return what an episode is called where its series is known: "S1 E2 · The Bridge".
 *
 * @param {Title} title
 */
export function episodeName(title) {
  return [placeOf(title), title.name].filter(Boolean).join(" · ");
}

/** @param {Title} title */
function placeOf({ series }) {
  if (!series) return "";
  return series.season ? `S${series.season} E${series.episode}` : `Special ${series.episode}`;
}

/**
 * Return the address under which a title plays.
 *
 * @param {Title} title
 */
export function watchUrl(title) {
  return `/?title=${encodeURIComponent(title.title_id)}`;
}

/** @param {Title} title */
function billboard(title) {
  return el(
    "article",
    { class: "billboard", "aria-label": `Featured: ${title.name}` },
    el("img", { class: "backdrop", src: title.poster, alt: "" }),
    el(
      "div",
      { class: "bill" },
      el("p", { class: "eyebrow" }, "Now showing"),
      el("h1", { tabindex: "-1" }, title.name),
      el("p", { class: "meta" }, metaLine(title)),
      el("p", { class: "synopsis" }, title.synopsis),
      el("a", { class: "primary play", href: watchUrl(title), "data-title": title.title_id }, playIcon(), "Play"),
      title.credit ? el("p", { class: "credit" }, title.credit) : "",
    ),
  );
}

/** @param {Title} title */
function card(title) {
  return el(
    "li",
    {},
    el(
      "a",
      { class: "card", href: watchUrl(title), "data-title": title.title_id },
      el(
        "span",
        { class: "frame" },
        el("img", { src: title.poster, alt: "", loading: "lazy", decoding: "async" }),
        el("span", { class: "disc" }, playIcon()),
      ),
      el("span", { class: "name" }, title.name),
      el("span", { class: "meta" }, metaLine(title)),
    ),
    title.credit ? el("p", { class: "credit" }, title.credit) : "",
  );
}

/**
 * @param {Title} title
 * @param {number | null} position  seconds; null: it is the next episode, and was not begun
 */
function begunCard(title, position) {
  const left = position === null ? "Next episode" : `${runningTime(title.duration_s - position)} left`;
  return el(
    "li",
    {},
    el(
      "a",
      { class: "card", href: watchUrl(title) },
      el(
        "span",
        { class: "frame" },
        el("img", { src: title.poster, alt: "", loading: "lazy", decoding: "async" }),
        el("span", { class: "disc" }, playIcon()),
        position ? el("progress", { class: "seen", max: title.duration_s, value: position, "aria-label": "Watched" }) : "",
      ),
      el("span", { class: "name" }, title.name),
      el("span", { class: "meta" }, [placeOf(title), left].filter(Boolean).join(" · ")),
    ),
  );
}

/** Return the triangle that stands on whatever plays a film. */
export function playIcon() {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", "M7 4.8v14.4a1 1 0 0 0 1.53.85l11.4-7.2a1 1 0 0 0 0-1.7L8.53 3.95A1 1 0 0 0 7 4.8z");
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}
