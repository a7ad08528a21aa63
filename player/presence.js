/** Keeps a session's place among those that may play at the same time, and gives it back. */

import { ApiError } from "./api.js";
import { REVOKED_TYPE } from "./faults.js";

/** Sends heartbeats until it ends, or until the platform says that the session is over. */
export class Presence {
  #api;
  #session;
  #over = new AbortController();

  /**
   * @param {object} options
   * @param {import("./api.js").Api} options.api
   * @param {import("./api.js").Session} options.session
   * @param {(error: ApiError) => void} options.onLost  the session is over, and this is not its doing
   */
  constructor({ api, session, onLost }) {
    this.#api = api;
    this.#session = session;
    const { signal } = this.#over;
    const timer = setInterval(() => this.#beat(onLost), session.heartbeat_interval_s * 1000);
    signal.addEventListener("abort", () => clearInterval(timer));
    window.addEventListener("pagehide", () => this.end(), { signal });
  }

  /** End the session. */
  end() {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    // If it is lost, the place is free when no heartbeat has come for a while.
    this.#api.endSession(this.#session).catch(() => {});
  }

  /** @param {(error: ApiError) => void} onLost */
  async #beat(onLost) {
    try {
      await this.#api.heartbeat(this.#session);
    } catch (error) {
      // Anything else may pass: the next beat tells.
      if (this.#over.signal.aborted || !(error instanceof ApiError) || !isOver(error)) return;
      this.#over.abort();
      onLost(error);
    }
  }
}

/**
 * @param {ApiError} error
 * @returns {boolean}  whether the session has ended, or was ended
 */
function isOver({ status, type }) {
  return status === 410 || (status === 403 && type === REVOKED_TYPE);
}
