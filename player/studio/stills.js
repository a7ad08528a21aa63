/** The pictures of a delivery: fetched when they come into sight, kept until another delivery is looked at. */

import { ApiError } from "../api.js";

/** @typedef {{url: string} | "missing" | "failed" | undefined} Still  undefined while nobody knows */

export class Stills {
  #api;
  #changed;
  /** @type {Map<string, Still>} */
  #known = new Map();
  /** @type {IntersectionObserver} */
  #sight;

  /**
   * @param {import("./api.js").StudioApi} api
   * @param {() => void} changed  called when a picture has come, or is known to be missing
   */
  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
    this.#sight = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (isIntersecting && target instanceof HTMLElement) this.fetch(target.dataset.still ?? "");
        }
      },
      { rootMargin: "200px" },
    );
  }

  /**
   * @param {string} path
   * @returns {Still}
   */
  get(path) {
    return this.#known.get(path);
  }

  /**
   * Fetch what is in sight of `root`, and what comes into sight later.
   *
   * @param {Element} root
   */
  watch(root) {
    for (const place of root.querySelectorAll("[data-still]")) {
      // What stays on the page may be of another picture now; only what is observed anew is told of again.
      this.#sight.unobserve(place);
      this.#sight.observe(place);
    }
  }

  /** Fetch again what could not be fetched, though it may well be there. */
  retry() {
    for (const [path, still] of [...this.#known]) {
      if (still !== "failed") continue;
      this.#known.delete(path);
      this.fetch(path);
    }
  }

  /** @param {string} path */
  async fetch(path) {
    if (this.#known.has(path)) return;
    const known = this.#known;
    known.set(path, undefined);
    try {
      const url = URL.createObjectURL(await this.#api.still(path));
      if (known === this.#known) known.set(path, { url });
      else URL.revokeObjectURL(url);
    } catch (error) {
      // A measurement says what it says without its picture; only what is shown differs.
      known.set(path, error instanceof ApiError && error.status === 404 ? "missing" : "failed");
    }
    if (known === this.#known) this.#changed();
  }

  /** Let go of all pictures. */
  clear() {
    this.#sight.disconnect();
    for (const still of this.#known.values()) if (typeof still === "object") URL.revokeObjectURL(still.url);
    this.#known = new Map();
  }
}
