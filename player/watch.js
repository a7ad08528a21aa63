/** The page around the player: what the film is, what is being shown, and what went wrong. */

import { episodeName, metaLine, playIcon, watchUrl } from "./catalog.js";
import { byId, el } from "./dom.js";
import { describe } from "./faults.js";

/**
 * Wire the page to a playback.
 *
 * @param {object} options
 * @param {import("./playback.js").Playback} options.playback
 * @param {HTMLVideoElement} options.video
 * @param {(titleId: string) => import("./api.js").Title | undefined} options.titleOf
 * @param {() => void} options.onLeave
 * @returns {(title: import("./api.js").Title, clickedAt: number) => Promise<void>}  shows and plays a title
 */
export function wireWatch({ playback, video, titleOf, onLeave }) {
  const trouble = byId("trouble");
  const next = byId("next");
  /** @type {import("./api.js").Title} */
  let current;
  /** @type {import("./api.js").Title | undefined} */
  let offered;

  /**
   * @param {import("./api.js").Title} title
   * @param {number} clickedAt
   */
  async function watch(title, clickedAt) {
    current = title;
    trouble.hidden = true;
    offerNext(undefined);
    video.poster = title.poster;
    byId("watch-name").textContent = title.name;
    byId("watch-meta").textContent = metaLine(title);
    byId("watch-synopsis").textContent = title.synopsis;
    byId("watch-credit").textContent = title.credit;
    byId("credit-fact").hidden = !title.credit;
    byId("picture").textContent = "Starting";
    await playback.start(title, clickedAt);
  }

  /** @param {import("./api.js").Title | undefined} title */
  function offerNext(title) {
    // Drawn anew it would be told anew, and lose the focus.
    if (title === offered) return;
    offered = title;
    next.replaceChildren(...(title ? offer(title) : []));
    focusNext();
  }

  /** What follows a film that has ended is an Enter away. */
  function focusNext() {
    if (video.ended) next.querySelector("a")?.focus();
  }

  playback.addEventListener("next", (/** @type {any} */ event) => {
    offerNext(event.detail ? titleOf(event.detail) : undefined);
  });
  video.addEventListener("ended", focusNext);

  playback.addEventListener("picture", (/** @type {any} */ event) => {
    byId("picture").textContent = event.detail;
  });

  playback.addEventListener("fault", async (/** @type {any} */ event) => {
    const { heading, advice, code, list = [] } = describe(event.detail);
    await playback.stop();
    byId("picture").textContent = "Stopped";
    byId("trouble-heading").textContent = heading;
    byId("trouble-advice").textContent = advice;
    byId("trouble-list").replaceChildren(...list.map((line) => el("li", {}, line)));
    byId("trouble-list").hidden = list.length === 0;
    byId("trouble-code").textContent = code;
    trouble.hidden = false;
    byId("retry").focus();
  });

  byId("retry").addEventListener("click", () => watch(current, performance.now()));
  byId("give-up").addEventListener("click", onLeave);
  return watch;
}

/** @param {import("./api.js").Title} title */
function offer(title) {
  return [
    el("p", { class: "eyebrow" }, "Next episode"),
    el("a", { class: "primary", href: watchUrl(title) }, playIcon(), episodeName(title)),
  ];
}
