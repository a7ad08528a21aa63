/** What the quality gate has rejected: the scores, and the worst frames beside what they were made of. */

import { el } from "../dom.js";
import { stillPath } from "./api.js";
import { measurement } from "./words.js";

/** @typedef {import("./api.js").Rejection} Rejection */
/** @typedef {import("./delivery.js").Picture} Picture */
/** @typedef {Picture & {aside: string}} Frame  with what stands beside it on the page */

/** In the order in which the API names the pictures. */
const OF = ["As it was delivered", "As it was encoded"];

/**
 * Return a version's section.
 *
 * @param {Rejection[]} rejections
 * @param {(rejection: Rejection) => Frame[]} picturesOf
 * @param {(picture: Picture) => HTMLElement} still  draws a picture
 */
export function rejectionsSection(rejections, picturesOf, still) {
  return el(
    "section",
    { class: "rejections", "aria-labelledby": "rejections-heading", "data-key": "rejections" },
    el("h2", { id: "rejections-heading" }, "Not good enough to be shown"),
    el(
      "p",
      { class: "meta" },
      "The encode differs more from the film than it may, also with more bits. Marquee’s operators have been told.",
    ),
    el(
      "ul",
      { class: "findings", role: "list" },
      ...rejections.map((rejection) => {
        const { rung, vmaf_mean, vmaf_p5, floor_mean, floor_p5, raised, worst_timecode, worst_vmaf } = rejection;
        return el(
          "li",
          { class: "panel", "data-key": rung, "data-rung": rung },
          el("h3", {}, rung),
          el(
            "dl",
            { class: "facts" },
            fact("VMAF, mean", vmaf_mean, `needs ${measurement(floor_mean, "")}`),
            fact("5th percentile of its frames", vmaf_p5, floor_p5 ? `needs ${measurement(floor_p5, "")}` : ""),
            fact("Worst frame", worst_vmaf, `at ${worst_timecode}`),
          ),
          raised ? el("p", { class: "meta" }, `Chunks were encoded again with more bits, ${times(raised)}.`) : "",
          el(
            "ul",
            { class: "places", role: "list" },
            ...picturesOf(rejection).map((picture) =>
              el("li", { class: "place", "data-key": picture.path }, still(picture), el("span", {}, picture.aside)),
            ),
          ),
        );
      }),
    ),
  );
}

/**
 * Return the pictures of a rejected rung's worst frames: of the worst of all, and of the worst of each other chunk.
 *
 * @param {string} deliveryId
 * @param {string} versionId
 * @param {Rejection} rejection
 * @returns {Frame[]}
 */
export function worstFrames(deliveryId, versionId, { rung, worst_timecode, stills, others }) {
  const worst = { of: "Worst frame of", at: worst_timecode, stills, beside: "" };
  const next = others.map(({ timecode, vmaf, stills }) => {
    return { of: "Poor frame of", at: timecode, stills, beside: ` at ${timecode}: ${measurement(vmaf, "")}` };
  });
  return [worst, ...next].flatMap(({ of, at, stills, beside }) =>
    stills.map((name, index) => ({
      path: stillPath(deliveryId, versionId, name),
      caption: `${of} ${rung} at ${at}, ${OF[index].toLowerCase()}`,
      aside: `${OF[index]}${beside}`,
    })),
  );
}

/**
 * @param {string} name
 * @param {number} value
 * @param {string} aside
 */
function fact(name, value, aside) {
  const said = el("span", { class: "meta" }, aside);
  return el("div", {}, el("dt", {}, name), el("dd", {}, `${measurement(value, "")} `, said));
}

/** @param {number} count */
function times(count) {
  return count === 1 ? "once" : `${count} times`;
}
