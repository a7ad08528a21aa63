/** The stages of a delivery, in order, and how far one has come. */

/**
 * @typedef {object} Stage
 * @property {string} label
 * @property {string} now     what happens, or what is to be done, while a delivery is there
 */

/** @type {Record<string, Stage>} */
export const STAGES = {
  received: { label: "Received", now: "Its files are being checked and measured." },
  judged: { label: "Measured", now: "Quality control has measured it; the decision follows." },
  in_review: { label: "In review", now: "A person at Marquee looks at what was measured. You need not do anything." },
  accepted: { label: "Accepted", now: "It passed. Its encoding begins shortly." },
  encoding: { label: "Encoding", now: "It passed, and is being encoded." },
  packaged: { label: "Packaged", now: "It is encoded and encrypted. Publication follows." },
  published: { label: "Published", now: "It is in the catalog. Viewers can watch it." },
  rejected: { label: "Rejected", now: "It was turned away. Correct what stands below, then deliver it again." },
  failed: { label: "Failed", now: "Something on our side went wrong, and we know of it. You need not do anything." },
};

const WAY = ["received", "judged", "in_review", "accepted", "encoding", "packaged", "published"];
const ENDS = new Set(["rejected", "failed"]);
/**
 * What an event of the history says of the way behind it.
 *
 * @type {Record<string, string>}
 */
const REACHED = {
  DeliveryReceived: "received",
  QualityJudged: "judged",
  ReviewRequested: "in_review",
  SourceAccepted: "accepted",
  EncodingStarted: "encoding",
  VersionPackaged: "packaged",
  TitlePublished: "published",
};

/**
 * Return the kind of a stage, which decides its colour.
 *
 * @param {string} stage
 * @returns {"under-way" | "waits" | "good" | "bad"}
 */
export function kindOf(stage) {
  if (ENDS.has(stage)) return "bad";
  if (stage === "in_review") return "waits";
  return stage === "published" ? "good" : "under-way";
}

/**
 * Return a delivery's way: what is behind it, where it is, what is ahead.
 *
 * @param {import("./api.js").Version} version
 * @returns {{stage: string, state: "done" | "here" | "ahead" | "ended"}[]}
 */
export function wayOf({ stage, review, checks, history }) {
  const passed = new Set(history.map(({ event }) => REACHED[event]));
  if (checks.length) passed.add("judged");
  // Most deliveries need no review: the step is there only for those that had one.
  const way = WAY.filter((step) => step !== "in_review" || step === stage || review || passed.has(step));
  if (ENDS.has(stage)) {
    const furthest = way.findLastIndex((step) => passed.has(step));
    const behind = way.slice(0, Math.max(furthest, 0) + 1);
    return [...behind.map((step) => wayStep(step, "done")), wayStep(stage, "ended")];
  }
  const here = way.indexOf(stage);
  return way.map((step, index) => {
    if (index > here) return wayStep(step, "ahead");
    return wayStep(step, index < here || step === "published" ? "done" : "here");
  });
}

/**
 * @param {string} stage
 * @param {"done" | "here" | "ahead" | "ended"} state
 */
function wayStep(stage, state) {
  return { stage, state };
}
