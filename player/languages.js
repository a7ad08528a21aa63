/** Which languages whoever watches likes to hear and read: what was chosen last in this browser, then the browser's own. */

const STORE_KEY = "marquee.languages";
const MOST = 8;
// What the API takes: BCP 47 without extensions.
const TAG = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;

/**
 * @typedef {object} Choice
 * @property {string} [audio]
 * @property {string} [text]  of subtitles; absent: none
 */

export class Languages {
  #watcher;

  /** @param {import("./profiles.js").Watcher} watcher */
  constructor(watcher) {
    this.#watcher = watcher;
  }

  /** @returns {{audio: string[], text: string[]}}  as the API takes it, the best first */
  get wanted() {
    const { audio, text } = this.#kept()[this.#who] ?? {};
    const heard = [audio, ...navigator.languages].filter((tag) => tag !== undefined && TAG.test(tag));
    return { audio: /** @type {string[]} */ ([...new Set(heard)]).slice(0, MOST), text: text && TAG.test(text) ? [text] : [] };
  }

  /**
   * Remember what whoever watches has chosen.
   *
   * @param {Choice} choice
   */
  remember(choice) {
    const kept = this.#kept();
    kept[this.#who] = { ...kept[this.#who], ...choice };
    try {
      localStorage.setItem(STORE_KEY, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing asks anew.
    }
  }

  get #who() {
    return this.#watcher.chosen?.profile_id ?? "";
  }

  /** @returns {Record<string, Choice>} */
  #kept() {
    try {
      return JSON.parse(localStorage.getItem(STORE_KEY) ?? "{}");
    } catch {
      return {};
    }
  }
}
