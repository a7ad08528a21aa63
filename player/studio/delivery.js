/** One delivery: how far it is, what was found and where, what happened, and its older versions. */

import { byId, el } from "../dom.js";
import { stillPath } from "./api.js";
import { dash, stageBadge, verdictBadge } from "./badges.js";
import { encodedLine, encodingSection } from "./encoding.js";
import { icon } from "./icons.js";
import { ladderSection } from "./ladder.js";
import { morph } from "./morph.js";
import { rejectionsSection, worstFrames } from "./rejections.js";
import { kindOf, STAGES, wayOf } from "./stages.js";
import { panel } from "./trouble.js";
import { checkName, exact, measurement, moment, relative, size } from "./words.js";

/** @typedef {import("./api.js").Version} Version */
/** @typedef {import("./api.js").Check} Check */
/** @typedef {{path: string, caption: string}} Picture */

const SEVERITY = ["fail", "review", "pass"];
const NOT_MEASURED = "It was turned away before it was measured.";
const NOT_MEASURED_YET = "The measurements appear here as soon as there are any.";
/** What is heard of a step besides its name. */
const STATES = { done: ", done", here: ", now", ahead: ", to come", ended: ", the end" };

export class DeliveryPage {
  #api;
  #stills;
  #root = byId("delivery");
  /** @type {{delivery_id: string, versions: Version[]} | null} */
  #loaded = null;
  #deliveryId = "";
  #versionId = "";
  #listAddress = "#/";

  /**
   * @param {object} options
   * @param {import("./api.js").StudioApi} options.api
   * @param {import("./stills.js").Stills} options.stills
   * @param {(pictures: Picture[], path: string) => void} options.onEnlarge
   */
  constructor({ api, stills, onEnlarge }) {
    this.#api = api;
    this.#stills = stills;
    this.#root.addEventListener("click", ({ target }) => {
      const still = target instanceof Element ? target.closest("[data-still]") : null;
      const path = still?.getAttribute("data-still");
      const version = this.#version;
      if (path && version) onEnlarge(picturesOf(this.#deliveryId, version), path);
    });
  }

  /**
   * @param {object} place
   * @param {string} place.deliveryId
   * @param {string} place.versionId    the newest one, if empty
   * @param {string} place.listAddress  where the way back leads
   */
  open({ deliveryId, versionId, listAddress }) {
    if (deliveryId !== this.#deliveryId) this.clear();
    this.#deliveryId = deliveryId;
    this.#versionId = versionId;
    this.#listAddress = listAddress;
    if (this.#loaded) this.render();
    else morph(this.#root, this.#wayBack(), ...skeleton());
  }

  /** What the page's title should say. */
  get title() {
    const version = this.#version;
    return version?.title_name ?? version?.title_id ?? this.#deliveryId;
  }

  /**
   * Ask for the delivery, and show it.
   *
   * @param {() => boolean} wanted  whether the answer still is, when it comes
   */
  async look(wanted) {
    const answer = await this.#api.delivery(this.#deliveryId);
    if (!wanted()) return;
    this.#loaded = answer;
    this.#stills.retry();
    this.render();
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
    morph(this.#root, this.#wayBack(), panel(fault));
    return true;
  }

  clear() {
    this.#loaded = null;
    this.#deliveryId = "";
    this.#stills.clear();
    this.#root.replaceChildren();
  }

  /** Show what is known. */
  render() {
    if (!this.#loaded) return;
    const version = this.#version;
    if (!version) {
      const fault = { heading: "There is no such version", advice: "This delivery has others: choose one of them." };
      morph(this.#root, this.#wayBack(), panel(fault), this.#versions(this.#loaded.versions));
      return;
    }
    const { checks, encoding, findings, history, ladder, rejections, renditions, review, stage, version_id } = version;
    const main = el(
      "div",
      { class: "found" },
      ...(review && stage === "in_review" ? [reviewNotice(review)] : []),
      ...(findings.length ? [findingsOf(findings)] : []),
      ...(rejections.length ? [this.#rejections(rejections, version_id)] : []),
      ...(encoding && !encoding.finished ? [encodingSection(encoding, stage === "failed")] : []),
      this.#quality(checks, version),
      ...(renditions.length ? [renditionsOf(renditions, encoding)] : []),
      ...(ladder ? [ladderSection(ladder, renditions)] : []),
    );
    const side = el(
      "aside",
      { class: "side", "aria-label": "History and versions" },
      historyOf(history),
      this.#versions(this.#loaded.versions),
    );
    morph(this.#root, this.#wayBack(), this.#head(version), way(version), el("div", { class: "columns" }, main, side));
    this.#stills.watch(this.#root);
  }

  get #version() {
    const versions = this.#loaded?.versions ?? [];
    return this.#versionId ? versions.find(({ version_id }) => version_id === this.#versionId) : versions[0];
  }

  #wayBack() {
    const attributes = { class: "way-back", href: this.#listAddress, "data-key": "way-back" };
    return el("a", attributes, icon("back"), "All deliveries");
  }

  /** @param {Version} version */
  #head(version) {
    const { stage, priority, size_bytes, delivered_at, updated_at, version_id } = version;
    /** @type {(name: string, ...value: (Node | string)[]) => HTMLElement} */
    const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
    return el(
      "header",
      { class: "head", "data-key": "head" },
      el(
        "div",
        { class: "headline" },
        el("h1", { id: "delivery-heading", tabindex: "-1" }, this.title),
        stageBadge(stage),
      ),
      el("p", { class: "now" }, STAGES[stage]?.now ?? ""),
      el(
        "dl",
        { class: "facts" },
        fact("Delivery", el("span", { class: "mono" }, this.#deliveryId)),
        fact("Version", el("span", { class: "mono" }, version_id)),
        fact("Priority", priority ?? dash()),
        fact("Size", size_bytes === null ? dash() : size(size_bytes)),
        fact("Delivered", moment(delivered_at)),
        fact("Last news", moment(updated_at)),
      ),
    );
  }

  /**
   * @param {Check[]} checks
   * @param {Version} version
   */
  #quality(checks, version) {
    const ordered = checks.toSorted((one, other) => SEVERITY.indexOf(one.verdict) - SEVERITY.indexOf(other.verdict));
    return el(
      "section",
      { class: "quality", "aria-labelledby": "quality-heading", "data-key": "quality" },
      el(
        "div",
        { class: "headline" },
        el("h2", { id: "quality-heading" }, "Quality control"),
        checks.length ? verdictBadge(version.verdict) : "",
      ),
      checks.length
        ? el("ul", { class: "checks", role: "list" }, ...ordered.map((check) => this.#check(check, version.version_id)))
        : el("p", { class: "meta" }, kindOf(version.stage) === "bad" ? NOT_MEASURED : NOT_MEASURED_YET),
      version.complexity ? complexityOf(version.complexity) : "",
    );
  }

  /**
   * @param {Check} check
   * @param {string} versionId
   */
  #check(check, versionId) {
    const { measured, unit, threshold, verdict, message, at } = check;
    return el(
      "li",
      { class: `check ${verdict}`, "data-key": `check-${check.check}`, "data-check": check.check },
      el("h3", {}, checkName(check.check)),
      verdictBadge(verdict),
      el(
        "dl",
        {},
        el("div", {}, el("dt", {}, "Measured"), el("dd", {}, measured === null ? dash() : measurement(measured, unit))),
        el("div", {}, el("dt", {}, "Allowed"), el("dd", {}, threshold)),
      ),
      // Of what passed, the measurement says it all.
      verdict !== "pass" || measured === null ? el("p", { class: "message" }, message) : "",
      at.length
        ? el("ul", { class: "places", role: "list" }, ...at.map((span) => this.#place(check, span, versionId)))
        : "",
    );
  }

  /**
   * @param {Check} check
   * @param {import("./api.js").Span} span
   * @param {string} versionId
   */
  #place(check, span, versionId) {
    const label = [
      el("span", { class: "timecode" }, span.timecode),
      el("span", { class: "length" }, lengthOf(span)),
    ];
    const key = `${span.first_frame}-${span.last_frame}`;
    if (!span.still) return el("li", { class: "place", "data-key": key }, ...label);
    const path = stillPath(this.#deliveryId, versionId, span.still);
    return el(
      "li",
      { class: "place", "data-key": key },
      this.#still({ path, caption: captionOf(check, span) }),
      ...label,
    );
  }

  /**
   * @param {import("./api.js").Rejection[]} rejections
   * @param {string} versionId
   */
  #rejections(rejections, versionId) {
    return rejectionsSection(
      rejections,
      (rejection) => worstFrames(this.#deliveryId, versionId, rejection),
      (picture) => this.#still(picture),
    );
  }

  /** @param {Picture} picture */
  #still({ path, caption }) {
    const still = this.#stills.get(path);
    const enlarge = `Enlarge: ${caption}`;
    return el(
      "button",
      { type: "button", class: "still", "data-still": path, disabled: still === "missing", "aria-label": enlarge },
      typeof still === "object" ? el("img", { src: still.url, alt: "" }) : icon("picture"),
      still === "missing" ? el("span", { class: "gone" }, "no picture") : "",
    );
  }

  /** @param {Version[]} versions */
  #versions(versions) {
    const shown = this.#version?.version_id;
    return el(
      "section",
      { "aria-labelledby": "versions-heading", "data-key": "versions" },
      el("h2", { id: "versions-heading" }, "Versions"),
      el(
        "ul",
        { class: "versions", role: "list" },
        ...versions.map(({ version_id, stage, delivered_at }, index) =>
          el(
            "li",
            { "data-key": version_id },
            el(
              "a",
              {
                href: `#/deliveries/${encodeURIComponent(this.#deliveryId)}/versions/${encodeURIComponent(version_id)}`,
                "aria-current": version_id === shown && "page",
              },
              el("span", { class: "mono" }, version_id),
              stageBadge(stage),
              el("span", { class: "meta" }, index === 0 ? "newest, " : "", moment(delivered_at)),
            ),
          ),
        ),
      ),
    );
  }
}

/** @param {Version} version */
function way(version) {
  return el(
    "ol",
    { class: "way", role: "list", "aria-label": "Progress", "data-key": "way" },
    ...wayOf(version).map(({ stage, state }) =>
      el(
        "li",
        { class: `${state} ${kindOf(stage)}`, "aria-current": state === "here" && "step", "data-key": stage },
        el("span", { class: "dot" }, state === "done" ? icon("pass") : state === "ended" ? icon("fail") : ""),
        el("span", {}, STAGES[stage].label),
        el("span", { class: "visually-hidden" }, STATES[state]),
      ),
    ),
  );
}

/** @param {NonNullable<Version["complexity"]>} complexity */
function complexityOf(complexity) {
  const { overall, spatial_mean, spatial_max, temporal_mean, temporal_max } = complexity;
  const { motion_percent, grain, dark_percent, active } = complexity;
  /** @type {(mean: number, most: number) => string} */
  const information = (mean, most) => `${measurement(mean, "")}, at most ${measurement(most, "")}`;
  /** @type {[string, string | Node][]} */
  const facts = [
    ["Complexity", measurement(overall, "")],
    ["Spatial information", information(spatial_mean, spatial_max)],
    ["Temporal information", information(temporal_mean, temporal_max)],
    ["Motion", measurement(motion_percent, "%")],
    ["Grain", grain === null ? dash() : measurement(grain, "of 255")],
    ["Dark", measurement(dark_percent, "%")],
    ["Picture without bars", `${active.width} × ${active.height}`],
  ];
  return el(
    "div",
    { class: "complexity", "data-key": "complexity" },
    el("h3", {}, "How hard the picture is to encode"),
    el(
      "dl",
      { class: "facts" },
      ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
    el("p", { class: "meta" }, "Nobody judges it: it says which places of the film the search for its ladder tries."),
  );
}

/** @param {NonNullable<Version["review"]>} review */
function reviewNotice({ until, escalated }) {
  const who = escalated
    ? "Nobody answered in time, so it was handed on: a supervisor of Marquee's operators decides"
    : "An operator of Marquee decides";
  return el(
    "section",
    { class: "panel review-notice", "aria-labelledby": "review-heading", "data-key": "review" },
    icon("review"),
    el(
      "div",
      {},
      el("h2", { id: "review-heading" }, "A person is looking at this delivery"),
      el(
        "p",
        {},
        until ? `${who}, by ` : `${who}.`,
        until ? el("time", { datetime: until }, exact(until)) : "",
        until ? ` (${relative(until)}).` : "",
      ),
      el(
        "p",
        { class: "meta" },
        "What is marked “Review” below may be meant that way, as a long fade is. ",
        "If it is not, deliver a corrected version: you need not wait.",
      ),
    ),
  );
}

/** @param {Version["findings"]} findings */
function findingsOf(findings) {
  return el(
    "section",
    { "aria-labelledby": "findings-heading", "data-key": "findings" },
    el("h2", { id: "findings-heading" }, "What to correct"),
    el(
      "ul",
      { class: "findings", role: "list" },
      ...findings.map(({ code, subject, message, remedy }, index) =>
        el(
          "li",
          { class: "panel", "data-key": `finding-${index}` },
          el("h3", {}, el("span", { class: "mono" }, code), el("span", { class: "subject" }, subject)),
          el("p", {}, message),
          el("p", { class: "remedy" }, el("strong", {}, "What to do "), remedy),
        ),
      ),
    ),
  );
}

/**
 * @param {Version["renditions"]} renditions
 * @param {Version["encoding"]} encoding
 */
function renditionsOf(renditions, encoding) {
  const heads = ["Rendition", "Picture", "Rate", "VMAF"];
  return el(
    "section",
    { "aria-labelledby": "renditions-heading", "data-key": "renditions" },
    el("h2", { id: "renditions-heading" }, "Encoded as"),
    el(
      "table",
      { class: "renditions" },
      el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)))),
      el(
        "tbody",
        {},
        ...renditions.map(({ rung, width, height, bitrate_kbps, vmaf_mean }) =>
          el(
            "tr",
            { "data-key": rung },
            el("th", { scope: "row" }, rung),
            el("td", {}, `${width} × ${height}`),
            el("td", {}, measurement(bitrate_kbps / 1000, "Mbit/s")),
            el("td", {}, measurement(vmaf_mean, "")),
          ),
        ),
      ),
    ),
    encoding ? encodedLine(encoding) : "",
  );
}

/** @param {Version["history"]} history */
function historyOf(history) {
  // Two entries may have the same moment and event. Counted from the oldest, an entry keeps its key when others come.
  const newestFirst = history.map((entry, index) => ({ ...entry, index })).toReversed();
  return el(
    "section",
    { "aria-labelledby": "history-heading", "data-key": "history" },
    el("h2", { id: "history-heading" }, "History"),
    newestFirst.length
      ? el(
          "ol",
          { class: "history", role: "list" },
          ...newestFirst.map(({ at, event, message, index }) =>
            el(
              "li",
              { "data-key": `${at} ${event} ${index}` },
              el("p", {}, message),
              el("time", { class: "meta", datetime: at }, exact(at)),
            ),
          ),
        )
      : el("p", { class: "meta" }, "Nothing is recorded yet."),
  );
}

/**
 * Return all pictures of a version, in the order of the page.
 *
 * @param {string} deliveryId
 * @param {Version} version
 * @returns {Picture[]}
 */
function picturesOf(deliveryId, { version_id, checks, rejections }) {
  const worst = rejections.flatMap((rejection) => worstFrames(deliveryId, version_id, rejection));
  const found = checks
    .toSorted((one, other) => SEVERITY.indexOf(one.verdict) - SEVERITY.indexOf(other.verdict))
    .flatMap((check) =>
      check.at.flatMap((span) =>
        span.still ? [{ path: stillPath(deliveryId, version_id, span.still), caption: captionOf(check, span) }] : [],
      ),
    );
  return [...worst, ...found];
}

/**
 * @param {Check} check
 * @param {import("./api.js").Span} span
 */
function captionOf(check, span) {
  return `${checkName(check.check)} at ${span.timecode}, ${lengthOf(span)}`;
}

/** @param {import("./api.js").Span} span */
function lengthOf({ start_s, end_s, first_frame, last_frame }) {
  const frames = last_frame - first_frame + 1;
  return `${measurement(end_s - start_s, "s")}, ${frames} ${frames === 1 ? "frame" : "frames"}`;
}

function skeleton() {
  return [
    el("p", { class: "visually-hidden", role: "status", "data-key": "loading" }, "Loading the delivery"),
    el("div", { class: "skeleton tall", "aria-hidden": "true", "data-key": "skeleton" }, el("div"), el("div"), el("div")),
  ];
}
