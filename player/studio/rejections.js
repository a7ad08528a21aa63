/** What the quality gate has rejected: the scores, and the worst frame beside what it was made of. */

import { el } from "../dom.js";
import { stillPath } from "./api.js";
import { measurement } from "./words.js";

/** @typedef {import("./api.js").Rejection} Rejection */
/** @typedef {import("./delivery.js").Picture} Picture */

/** In the order in which the API names the pictures. */
const OF = ["As it was delivered", "As it was encoded"];

/**
 * Return a version's section.
 *
 * @param {Rejection[]} rejections
 * @param {(rejection: Rejection) => Picture[]} picturesOf
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
            ...picturesOf(rejection).map((picture, index) =>
              el("li", { class: "place", "data-key": picture.path }, still(picture), el("span", {}, OF[index])),
            ),
          ),
        );
      }),
    ),
  );
}

/**
 * Return the pictures of a rejected rung's worst frame.
 *
 * @param {string} deliveryId
 * @param {string} versionId
 * @param {Rejection} rejection
 * @returns {Picture[]}
 */
export function worstFrame(deliveryId, versionId, { rung, worst_timecode, stills }) {
  return stills.map((name, index) => ({
    path: stillPath(deliveryId, versionId, name),
    caption: `Worst frame of ${rung} at ${worst_timecode}, ${OF[index].toLowerCase()}`,
  }));
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
