/**
 * Keeps a session's licence in force.
 *
 * ClearKey knows no end of a key and no message of renewal, so both are the page's to keep: it asks the licence service
 * again in time, with the same key ids, and plays no longer than the last answer allows.
 */

import { ApiError } from "./api.js";

const LEAST_WAIT_MS = 1000;
const OUR_PROBLEMS = "urn:marquee:problem:";

/** The licence's time is over, and it was the session's last. */
export class LicenceEndedError extends Error {
  name = "LicenceEndedError";
}

/**
 * A licence, as the service gives it. Times are seconds since 1970, by the service's clock.
 *
 * @typedef {object} Given
 * @property {{kid: string}[]} keys
 * @property {number} expires_at
 * @property {number | null} renew_at  null: it is the session's last
 */

/** Asks for the licence again until it ends, or until the service refuses it. */
export class Licence {
  #api;
  #session;
  #onLost;
  /** @type {Set<string>} */
  #keyIds = new Set();
  #isHeld = false;
  #expiry = 0;
  #renewal = 0;
  /** @type {unknown} */
  #failure = null;
  #over = false;

  /**
   * @param {object} options
   * @param {import("./api.js").Api} options.api
   * @param {import("./api.js").Session} options.session
   * @param {(error: unknown) => void} options.onLost  there is no licence any more, and this is not its doing
   */
  constructor({ api, session, onLost }) {
    this.#api = api;
    this.#session = session;
    this.#onLost = onLost;
  }

  /**
   * Take note of a licence that the player was given: it asks for one a key.
   *
   * @param {Given} given
   * @param {string | null | undefined} date  the answer's `Date`: the viewer's clock may be wrong
   */
  take(given, date) {
    if (this.#over) return;
    for (const { kid } of given.keys) this.#keyIds.add(kid);
    // The first one ends first.
    if (!this.#isHeld) this.#hold(given, date);
  }

  /** Let go of the licence. */
  end() {
    this.#over = true;
    clearTimeout(this.#expiry);
    clearTimeout(this.#renewal);
  }

  /**
   * @param {Given} given
   * @param {string | null | undefined} date
   */
  #hold({ expires_at, renew_at }, date) {
    const now = Date.parse(date ?? "") || Date.now();
    clearTimeout(this.#expiry);
    this.#isHeld = true;
    this.#failure = null;
    const endsAt = performance.now() + expires_at * 1000 - now;
    this.#expiry = window.setTimeout(() => this.#lose(this.#failure ?? new LicenceEndedError()), expires_at * 1000 - now);
    if (renew_at !== null) this.#renewal = window.setTimeout(() => this.#renew(endsAt), renew_at * 1000 - now);
  }

  /** @param {number} endsAt  of the licence in force, as `performance.now()` tells time */
  async #renew(endsAt) {
    try {
      const { given, date } = await this.#api.licence(this.#session, [...this.#keyIds]);
      if (!this.#over) this.#hold(given, date);
    } catch (error) {
      if (this.#over) return;
      if (isRefusal(error)) {
        this.#lose(error);
        return;
      }
      // Anything else may pass before the licence ends.
      this.#failure = error;
      const wait = Math.max((endsAt - performance.now()) / 2, LEAST_WAIT_MS);
      this.#renewal = window.setTimeout(() => this.#renew(endsAt), wait);
    }
  }

  /** @param {unknown} error */
  #lose(error) {
    this.end();
    this.#onLost(error);
  }
}

/**
 * @param {unknown} error
 * @returns {boolean}  whether the service has said no, and would say so again
 */
function isRefusal(error) {
  if (!(error instanceof ApiError) || error.status === 429) return false;
  // What stands before the service, a web ACL for one, says no to an address, and not for long.
  return error.status >= 400 && error.status < 500 && error.type.startsWith(OUR_PROBLEMS);
}
