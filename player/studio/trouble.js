/** What went wrong, said to a studio. */

import { ApiError } from "../api.js";
import { SignInError } from "../auth.js";
import { el } from "../dom.js";

/** @typedef {{heading: string, advice: string, code?: string}} Fault */

/** @type {Record<number, [string, string]>} */
const BY_STATUS = {
  0: ["The connection is lost", "Check your network. This page looks again by itself."],
  403: [
    "This account may not see deliveries",
    "It is not that of exactly one studio. Ask whoever gave it to you to look at its group.",
  ],
  404: ["There is no such delivery", "It was not delivered by your studio, or its record has ended."],
  429: ["Too many questions at once", "This page looks again by itself in a moment."],
};

/** @type {[string, string]} */
const UNKNOWN = ["The dashboard is out of order", "Something on our side went wrong. This page looks again by itself."];

/**
 * Describe an error.
 *
 * @param {unknown} error
 * @returns {Fault}
 */
export function describe(error) {
  if (error instanceof ApiError) {
    const [heading, advice] = BY_STATUS[error.status] ?? UNKNOWN;
    return { heading, advice, code: error.status ? `API ${error.status} ${error.instance}`.trim() : "" };
  }
  // The renewal of the sign-in goes over the same network.
  const [heading, advice] = error instanceof SignInError ? BY_STATUS[0] : UNKNOWN;
  return { heading, advice, code: error instanceof Error ? error.name : "" };
}

/**
 * Build what stands in a place that has nothing to show.
 *
 * @param {object} notice
 * @param {string} notice.heading
 * @param {string} notice.advice
 * @param {string} [notice.code]
 * @param {string} [notice.role]
 * @param {...(Node | string)} actions
 */
export function panel({ heading, advice, code = "", role = "alert" }, ...actions) {
  return el(
    "div",
    { class: "panel notice", role, "data-key": "notice" },
    el("h2", {}, heading),
    el("p", {}, advice),
    code ? el("p", { class: "code" }, "Code ", el("span", {}, code)) : "",
    ...actions,
  );
}
