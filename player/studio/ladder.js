/** How a title's ladder was found: a picture of what was tried and chosen, and the same in figures. */

import { el } from "../dom.js";
import { measurement } from "./words.js";

/** @typedef {import("./api.js").Ladder} Ladder */
/** @typedef {import("./api.js").CodecLadder} CodecLadder */
/** @typedef {import("./api.js").Rendition} Rendition */
/** @typedef {{kbps: number, vmaf: number}} Point */
/** @typedef {{x: (kbps: number) => string, y: (vmaf: number) => string, rates: number[], scores: number[]}} Scale */

const SVG = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const CODECS = { h264: "H.264", h265: "H.265", av1: "AV1" };
/** Marks around their own point, in pixels. A rung is told from a probe by its shape, and not by its colour alone. */
const MARKS = {
  probe: "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0Z",
  rung: "M0-7.5 7.5 0 0 7.5-7.5 0Z",
  fixed: "M-4.5-4.5h9v9h-9Z",
  film: "M-6 0H6M0-6V6",
};
/** How far the scale goes beyond what is on it, in rates and in points of VMAF. */
const AIR = { rate: 1.2, vmaf: 2 };
const FEW = 5;

/**
 * Return a version's section.
 *
 * @param {Ladder} ladder
 * @param {Rendition[]} renditions  as they were measured
 */
export function ladderSection(ladder, renditions) {
  const { vmaf_target, margin, excerpts, excerpt_frames, search_frames, fixed_frames, grid_frames, ladders } = ladder;
  const share = percent((100 * search_frames) / grid_frames);
  return el(
    "section",
    { class: "ladder", "aria-labelledby": "ladder-heading", "data-key": "ladder" },
    el("h2", { id: "ladder-heading" }, "The ladder of this title"),
    el(
      "p",
      { class: "meta" },
      `${excerpts} excerpts of the film, ${excerpt_frames} frames together, were encoded in several sizes and `,
      `qualities. The best rung is held to VMAF ${measurement(vmaf_target, "")}, and was aimed ${margin} higher. `,
      `The search encoded ${measurement(search_frames, "")} frames, ${share} of the ${measurement(grid_frames, "")} `,
      `that every size at every quality has; the fixed ladder, to compare with, ${measurement(fixed_frames, "")}.`,
    ),
    ...ladders.map((found) => {
      const names = found.rungs.map(({ rung }) => rung);
      // HDR10 rungs are judged as SDR shows them, and take other bits for it: they are not in the picture.
      return codecOf(
        found,
        vmaf_target,
        renditions.filter(({ rung }) => names.includes(rung)),
      );
    }),
  );
}

/**
 * @param {CodecLadder} found
 * @param {number} target
 * @param {Rendition[]} renditions
 */
function codecOf(found, target, renditions) {
  const name = CODECS[found.codec] ?? found.codec;
  return el(
    "div",
    { class: "codec", "data-key": `ladder-${found.codec}`, "data-codec": found.codec },
    el("h3", {}, name),
    figure(found, target, renditions, name),
    el(
      "div",
      { class: "tables" },
      rungTable(`${name}, chosen for this title`, found.rungs),
      fixedOf(found, name),
      ...(found.hdr10.length ? [rungTable(`${name} in HDR10, VMAF as SDR shows it`, found.hdr10)] : []),
    ),
    savingsOf(found, target),
  );
}

/**
 * @param {CodecLadder} found
 * @param {number} target
 * @param {Rendition[]} renditions
 * @param {string} name
 */
function figure(found, target, renditions, name) {
  const { probes, hull, rungs, fixed } = found;
  const film = renditions.map(({ rung, bitrate_kbps, vmaf_mean }) => ({ rung, kbps: bitrate_kbps, vmaf: vmaf_mean }));
  const scale = scaleOf([...probes, ...fixed, ...film], target);
  const sizes = [...new Set(probes.map(({ height }) => height))].toSorted((one, other) => other - one);
  /** @param {number} height */
  const own = (height) => rising(probes.filter((probe) => probe.height === height));
  const said =
    `VMAF by bit rate in ${name}: ${probes.length} probes in ${sizes.length} sizes, their hull, ` +
    `${rungs.length} chosen rungs, ${fixed.length} rungs of the fixed ladder, ${film.length} renditions as measured.`;
  const picture = svg(
    "svg",
    { role: "img", "aria-label": said },
    ...axes(scale, target),
    ...path(rising(fixed), scale, "fixed"),
    ...sizes.flatMap((height, index) => path(own(height), scale, `curve size-${index}`)),
    ...path(hull, scale, "hull"),
    ...sizes.flatMap((height, index) =>
      own(height).map((probe) =>
        mark("probe", `size-${index}`, probe, scale, `${height}p, CRF ${probe.crf}: ${told(probe)}`),
      ),
    ),
    ...fixed.map((rung) => mark("fixed", "", rung, scale, `fixed ladder, ${rung.rung}: ${told(rung)}`)),
    ...rungs.map((rung) => mark("rung", "", rung, scale, `${rung.rung}, chosen, CRF ${rung.crf}: ${told(rung)}`)),
    ...rungs.map((rung) =>
      text(
        { x: scale.x(rung.kbps), y: scale.y(rung.vmaf), dx: -11, dy: -7, "text-anchor": "end", class: "name" },
        rung.rung,
      ),
    ),
    ...film.map((rung) => mark("film", "", rung, scale, `${rung.rung}, in the film: ${told(rung)}`)),
  );
  return el(
    "figure",
    {},
    // Many names would stand on each other on a narrow screen; the table has them.
    el("div", { class: rungs.length > FEW ? "plot many" : "plot" }, picture),
    el(
      "figcaption",
      {},
      el(
        "ul",
        { class: "key", role: "list" },
        // Beside the curves the names would stand on each other, where sizes end near one rate.
        ...sizes.map((height, index) => keyOf("probe", `${index ? "" : "tried: "}${height}p`, `size-${index}`)),
        el("li", {}, sample(svg("line", { class: "hull", x1: -9, x2: 9, y1: 0, y2: 0 })), "hull of what was tried"),
        keyOf("rung", "chosen"),
        ...(film.length ? [keyOf("film", "measured, on the whole film")] : []),
        keyOf("fixed", "the fixed ladder"),
      ),
    ),
  );
}

/**
 * @template {Point} T
 * @param {T[]} points
 */
function rising(points) {
  return points.toSorted((one, other) => one.kbps - other.kbps);
}

/**
 * @param {Point[]} points
 * @param {number} target
 * @returns {Scale}
 */
function scaleOf(points, target) {
  const rates = points.map(({ kbps }) => kbps);
  const [least, most] = [Math.min(...rates) / AIR.rate, Math.max(...rates) * AIR.rate];
  const low = Math.max(0, Math.floor((Math.min(target, ...points.map(({ vmaf }) => vmaf)) - AIR.vmaf) / 10) * 10);
  const decades = Array.from({ length: 7 }, (_, index) => 10 ** (index + 1));
  return {
    x: (kbps) => `${((100 * Math.log(kbps / least)) / Math.log(most / least)).toFixed(2)}%`,
    y: (vmaf) => `${((100 * (100 - vmaf)) / (100 - low)).toFixed(2)}%`,
    rates: decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]).filter((rate) => rate > least && rate < most),
    scores: Array.from({ length: (100 - low) / 10 + 1 }, (_, index) => low + 10 * index),
  };
}

/**
 * @param {Scale} scale
 * @param {number} target
 */
function axes({ x, y, rates, scores }, target) {
  return [
    ...scores.flatMap((score) => [
      svg("line", { class: "grid", x1: 0, x2: "100%", y1: y(score), y2: y(score) }),
      text({ class: "tick", x: 0, y: y(score), dx: -8, dy: 4, "text-anchor": "end" }, String(score)),
    ]),
    ...rates.flatMap((rate) => [
      svg("line", { class: "grid", x1: x(rate), x2: x(rate), y1: 0, y2: "100%" }),
      text({ class: "tick", x: x(rate), y: "100%", dy: 18, "text-anchor": "middle" }, measurement(rate / 1000, "")),
    ]),
    text({ class: "tick", x: "100%", y: "100%", dy: 36, "text-anchor": "end" }, "Mbit/s, logarithmic"),
    text({ class: "tick", x: 0, y: 0, dx: -36, dy: -14 }, "VMAF"),
    svg("line", { class: "target", x1: 0, x2: "100%", y1: y(target), y2: y(target) }),
    text({ class: "tick", x: 0, y: y(target), dx: 6, dy: -5 }, `target ${measurement(target, "")}`),
  ];
}

/**
 * Return the lines from each point to the next. A `polyline` would be one, and knows no shares of its frame.
 *
 * @param {Point[]} points
 * @param {Scale} scale
 * @param {string} name
 */
function path(points, { x, y }, name) {
  return points.slice(1).map((to, index) => {
    const from = points[index];
    return svg("line", { class: name, x1: x(from.kbps), y1: y(from.vmaf), x2: x(to.kbps), y2: y(to.vmaf) });
  });
}

/**
 * @param {keyof typeof MARKS} kind
 * @param {string} more
 * @param {Point} point
 * @param {Scale} scale
 * @param {string} title  what the pointer is told
 */
function mark(kind, more, { kbps, vmaf }, { x, y }, title) {
  const shape = svg("path", { class: `mark ${kind} ${more}`.trim(), d: MARKS[kind] }, svg("title", {}, title));
  return svg("svg", { class: "at", x: x(kbps), y: y(vmaf) }, shape);
}

/**
 * @param {keyof typeof MARKS} kind
 * @param {string} label
 * @param {string} more
 */
function keyOf(kind, label, more = "") {
  return el("li", {}, sample(svg("path", { class: `mark ${kind} ${more}`.trim(), d: MARKS[kind] })), label);
}

/** @param {SVGElement} shape */
function sample(shape) {
  return svg("svg", { "aria-hidden": "true", viewBox: "-10 -10 20 20" }, shape);
}

/**
 * @param {string} caption
 * @param {CodecLadder["rungs"]} rungs
 */
function rungTable(caption, rungs) {
  return table(
    caption,
    ["Rung", "Picture", "CRF", "Mbit/s", "VMAF"],
    rungs.map(({ rung, width, height, crf, kbps, vmaf }) => [
      rung,
      `${width} × ${height}`,
      measurement(crf, ""),
      megabits(kbps),
      score(vmaf),
    ]),
  );
}

/**
 * @param {CodecLadder} found
 * @param {string} name
 */
function fixedOf({ fixed, savings }, name) {
  const equal = new Map(savings.equal_vmaf.map((same) => [same.rung, same]));
  return table(
    `${name}, the fixed ladder`,
    ["Rung", "Mbit/s", "VMAF", "Hull at this VMAF", "Saved"],
    fixed.map(({ rung, kbps, vmaf }) => {
      const same = equal.get(rung);
      const [hull, saved] = same ? [megabits(same.hull_kbps), percent(same.saving_pct)] : ["not on it", "–"];
      return [rung, megabits(kbps), score(vmaf), hull, saved];
    }),
  );
}

/**
 * @param {string} caption
 * @param {string[]} heads
 * @param {string[][]} rows  the first of a row is its head
 */
function table(caption, heads, rows) {
  return el(
    "table",
    { class: "renditions" },
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)))),
    el(
      "tbody",
      {},
      ...rows.map(([head, ...cells]) =>
        el("tr", { "data-key": head }, el("th", { scope: "row" }, head), ...cells.map((cell) => el("td", {}, cell))),
      ),
    ),
  );
}

/**
 * @param {CodecLadder} found
 * @param {number} target
 */
function savingsOf({ savings, rungs, fixed }, target) {
  const { equal_vmaf_pct, at_target_pct, fixed_misses_target } = savings;
  // The most pixels, and of those the most bits.
  const [best] = fixed.toSorted((one, other) => pixels(other) - pixels(one) || other.kbps - one.kbps);
  /** @type {(name: string, value: string, how: string) => HTMLElement} */
  const saving = (name, value, how) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, el("strong", {}, value), el("span", { class: "meta" }, how)));
  return el(
    "div",
    { class: "savings" },
    el(
      "dl",
      {},
      equal_vmaf_pct === null
        ? saving("At equal VMAF", "not known", "no fixed rung’s quality lies on the hull")
        : saving("At equal VMAF", spelt(equal_vmaf_pct), "the mean of the column, each 100 × (1 − hull ÷ fixed)"),
      saving(
        "At the target",
        spelt(at_target_pct),
        `100 × (1 − ${megabits(rungs[0].kbps)} ÷ ${megabits(best.kbps)}), the best rung here over the best fixed one`,
      ),
    ),
    fixed_misses_target
      ? el("p", {}, `The fixed ladder misses VMAF ${measurement(target, "")} with this title: more bits are right.`)
      : "",
  );
}

/** @param {import("./api.js").FixedRung} rung */
function pixels({ width, height }) {
  return width * height;
}

/** @param {number} saved */
function spelt(saved) {
  return saved < 0 ? `${percent(-saved)} more bits` : `${percent(saved)} saved`;
}

/** @param {number} value */
function percent(value) {
  return `${value.toFixed(1).replace("-", "−")} %`;
}

/** @param {Point} point */
function told({ kbps, vmaf }) {
  return `${megabits(kbps)} Mbit/s, VMAF ${score(vmaf)}`;
}

/** @param {number} kbps */
function megabits(kbps) {
  return (kbps / 1000).toFixed(2);
}

/** @param {number} vmaf */
function score(vmaf) {
  return vmaf.toFixed(1);
}

/**
 * @param {Record<string, string | number>} attributes
 * @param {string} content
 */
function text(attributes, content) {
  return svg("text", attributes, content);
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}
