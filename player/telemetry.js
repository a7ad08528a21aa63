/** Tells the platform how the film plays: how long it took to start, where it stood still, which bit rate, what failed. */

const INTERVAL_MS = 30_000;
const MOST_EVENTS = 50;
// As the API has it.
const MOST_MS = 600_000;

/**
 * What happened, as the API takes it.
 *
 * @typedef {{type: "started", start_up_ms: number} | {type: "stalled", duration_ms: number}
 *   | {type: "switched", bitrate_kbps: number} | {type: "failed", code: string}} Happening
 */

/** Collects what happens in a session, and sends it at an interval and when the session ends. */
export class Telemetry {
  #api;
  #session;
  #timer;
  /** @type {Happening[]} */
  #events = [];
  #bitrate = 0;
  #hasStarted = false;
  /** @type {number | null} */
  #stalledAt = null;
  #wasHidden = document.hidden;
  #over = new AbortController();

  /**
   * @param {object} options
   * @param {import("./api.js").Api} options.api
   * @param {import("./api.js").Session} options.session
   */
  constructor({ api, session }) {
    this.#api = api;
    this.#session = session;
    this.#timer = setInterval(() => this.#send(), INTERVAL_MS);
    document.addEventListener("visibilitychange", () => { this.#wasHidden ||= document.hidden; }, { signal: this.#over.signal });
    window.addEventListener("pagehide", () => this.#send(), { signal: this.#over.signal });
  }

  /** @param {number} startUpMs  from the click to the first frame */
  started(startUpMs) {
    this.#hasStarted = true;
    // No frame is drawn while nobody looks.
    if (this.#wasHidden) return;
    this.#note({ type: "started", start_up_ms: milliseconds(startUpMs) });
  }

  /**
   * The film waits for segments, or has them again. Before the first frame that is its start, and after a seek it is
   * what the viewer asked for: neither is a stall.
   *
   * @param {boolean} isWaiting
   * @param {boolean} isSeeking
   */
  buffering(isWaiting, isSeeking) {
    if (isWaiting) {
      this.#stalledAt = this.#hasStarted && !isSeeking ? performance.now() : null;
    } else {
      this.#endStall();
    }
  }

  /** @param {number} bandwidth  of the rung that is chosen, bits a second */
  chosen(bandwidth) {
    const bitrate = Math.max(1, Math.round(bandwidth / 1000));
    if (bitrate === this.#bitrate) return;
    this.#bitrate = bitrate;
    this.#note({ type: "switched", bitrate_kbps: bitrate });
  }

  /** @param {string} code  as the viewer reads it: of what it names, the request's id is left out */
  failed(code) {
    this.#note({ type: "failed", code: code.split(" ").slice(0, 2).join(" ") });
  }

  /** Send what is left, and stop: a stall that the viewer ends by leaving is one. */
  end() {
    this.#endStall();
    this.#send();
    clearInterval(this.#timer);
    this.#over.abort();
  }

  #endStall() {
    if (this.#stalledAt === null) return;
    this.#note({ type: "stalled", duration_ms: milliseconds(performance.now() - this.#stalledAt) });
    this.#stalledAt = null;
  }

  /** @param {Happening} event */
  #note(event) {
    if (this.#events.length < MOST_EVENTS) this.#events.push(event);
  }

  #send() {
    if (this.#events.length === 0) return;
    // What is lost is lost: it is about many viewers, and no single one misses it.
    this.#api.reportTelemetry(this.#session, this.#events).catch(() => {});
    this.#events = [];
  }
}

/**
 * @param {number} duration
 * @returns {number}  whole, and not more than the API takes: a computer may have slept meanwhile
 */
function milliseconds(duration) {
  return Math.min(Math.round(duration), MOST_MS);
}
