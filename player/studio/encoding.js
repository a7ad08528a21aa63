/** How far an encode is: a bar, and the same in words. */

import { el } from "../dom.js";
import { measurement, money, moment, relative } from "./words.js";

/** @typedef {import("./api.js").Encoding} Encoding */

const SVG = "http://www.w3.org/2000/svg";
/** As many as the farm counts. */
const MANY = 1000;

/**
 * Return a delivery's line in the list.
 *
 * @param {Encoding} encoding
 */
export function encodingLine(encoding) {
  const { chunks, eta } = encoding;
  const counted = chunks.done < chunks.total ? `${chunks.done} of ${chunks.total} chunks` : "all chunks encoded";
  return el(
    "div",
    { class: "encoding-line" },
    bar(encoding, { "aria-label": "Encoding" }),
    el("span", { class: "meta" }, eta ? `${counted}, ready ${soon(eta)}` : counted),
  );
}

/**
 * Return a delivery's section: for as long as its encode goes on, or where it has stopped.
 *
 * @param {Encoding} encoding
 * @param {boolean} stopped  whether it has failed
 */
export function encodingSection(encoding, stopped) {
  const { jobs, eta, usd, queue, at } = encoding;
  /** @type {(name: string, ...value: (Node | string)[]) => HTMLElement} */
  const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
  const ready = eta ? [el("time", { datetime: eta }, soon(eta))] : [stopped ? "not foreseen" : "not known yet"];
  return el(
    "section",
    { class: "encoding panel", "aria-labelledby": "encoding-heading", "data-key": "encoding" },
    el(
      "div",
      { class: "headline" },
      el("h2", { id: "encoding-heading" }, "Encoding"),
      el("span", { class: "share", "aria-hidden": "true" }, `${percent(encoding)} %`),
    ),
    bar(encoding, { "aria-labelledby": "encoding-heading" }),
    el("p", { class: "words" }, sentence(encoding)),
    el(
      "dl",
      { class: "facts" },
      fact("Ready", ...ready),
      fact("All steps", `${jobs.done} of ${jobs.total} done`),
      fact("Cost so far", usd === null ? "not known" : money(usd)),
      ...(stopped ? [] : [fact("In the farm’s queue", `${many(queue.waiting)} waiting, ${many(queue.running)} at work`)]),
      fact("Seen", moment(at)),
    ),
  );
}

/**
 * Return what is left to say of an encode that is done.
 *
 * @param {Encoding} encoding
 */
export function encodedLine({ chunks, usd }) {
  const cost = usd === null ? "" : `, at a cost of ${money(usd)}`;
  return el("p", { class: "meta", "data-key": "encoded" }, `All ${chunks.total} chunks are encoded${cost}.`);
}

/**
 * Say how the chunks are, which are nearly all of the work, and when they are done, the other steps.
 *
 * @param {Encoding} encoding
 */
function sentence({ chunks, jobs }) {
  if (chunks.done < chunks.total) return `${chunks.done} of ${chunks.total} chunks are encoded${aside(chunks)}.`;
  const others = { total: jobs.total - chunks.total, done: jobs.done - chunks.done };
  return `All ${chunks.total} chunks are encoded. Of ${others.total} other steps ${others.done} are done${aside(jobs)}.`;
}

/** @param {{running: number, failed: number}} counts */
function aside({ running, failed }) {
  const at = running ? `, ${running} at work` : "";
  return failed ? `${at}, ${failed} failed` : at;
}

/**
 * Return the bar of all steps: done, at work, failed.
 *
 * @param {Encoding} encoding
 * @param {Record<string, string>} name  what it is called by
 */
function bar(encoding, name) {
  const { jobs } = encoding;
  const track = document.createElementNS(SVG, "svg");
  track.setAttribute("aria-hidden", "true");
  let from = 0;
  // Attributes and not styles, which the page's policy forbids.
  for (const state of /** @type {const} */ (["done", "running", "failed"])) {
    const part = document.createElementNS(SVG, "rect");
    const width = jobs.total ? (jobs[state] / jobs.total) * 100 : 0;
    part.setAttribute("class", state);
    part.setAttribute("x", `${from.toFixed(2)}%`);
    part.setAttribute("width", `${width.toFixed(2)}%`);
    part.setAttribute("height", "100%");
    track.append(part);
    from += width;
  }
  return el(
    "div",
    {
      ...name,
      class: "track",
      role: "progressbar",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": percent(encoding),
      "aria-valuetext": sentence(encoding),
    },
    track,
  );
}

/** @param {Encoding} encoding */
function percent({ jobs }) {
  return jobs.total ? Math.floor((jobs.done / jobs.total) * 100) : 0;
}

/**
 * Say when something should be done; it may be late already.
 *
 * @param {string} eta
 */
function soon(eta) {
  return Date.parse(eta) - Date.now() < 60_000 ? "in a moment" : relative(eta).replace(/^in /, "in about ");
}

/** @param {number} count */
function many(count) {
  return count < MANY ? String(count) : `${measurement(MANY, "")} or more`;
}
