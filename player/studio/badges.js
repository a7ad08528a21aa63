/** Stage and verdict as small signs: a shape, a colour, a word. */

import { el } from "../dom.js";
import { icon } from "./icons.js";
import { kindOf, STAGES } from "./stages.js";

/** @type {Record<string, string>} */
const VERDICTS = { pass: "Pass", review: "Review", fail: "Fail" };

/** @param {string} stage */
export function stageBadge(stage) {
  return el("span", { class: `badge ${kindOf(stage)}` }, STAGES[stage]?.label ?? stage);
}

/** @param {"pass" | "review" | "fail" | null} verdict */
export function verdictBadge(verdict) {
  if (!verdict) {
    return el("span", { class: "none" }, el("span", { class: "visually-hidden" }, "not judged yet"), dash());
  }
  return el("span", { class: `verdict ${verdict}` }, icon(verdict), VERDICTS[verdict]);
}

/** What stands where there is nothing to say. */
export function dash() {
  return el("span", { "aria-hidden": "true" }, "–");
}
