/** Tells the platform how far the viewer is, so that another screen can continue there. */

// Dragging the seek bar seeks many times; only where it comes to rest matters.
const SEEK_SETTLES_MS = 400;

/** Posts a beat at an interval, and when the viewer pauses, seeks or leaves. */
export class ProgressReporter {
  #video;
  #api;
  #titleId;
  #durationS;
  #metrics;
  #last = -1;
  #ended = new AbortController();

  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video
   * @param {import("./api.js").Api} options.api
   * @param {import("./api.js").Title} options.title
   * @param {number} options.intervalS
   * @param {import("./playback.js").Metrics} options.metrics
   */
  constructor({ video, api, title, intervalS, metrics }) {
    this.#video = video;
    this.#api = api;
    this.#titleId = title.title_id;
    this.#durationS = title.duration_s;
    this.#metrics = metrics;

    const { signal } = this.#ended;
    const timer = setInterval(() => this.#beat(), intervalS * 1000);
    let settling = 0;
    video.addEventListener("pause", () => this.#beat(), { signal });
    video.addEventListener(
      "seeked",
      () => {
        clearTimeout(settling);
        settling = window.setTimeout(() => this.#beat(), SEEK_SETTLES_MS);
      },
      { signal },
    );
    window.addEventListener("pagehide", () => this.#beat(), { signal });
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      clearTimeout(settling);
    });
  }

  /** Post the last beat and stop. Call it while the video still has its position. */
  stop() {
    this.#beat();
    this.#ended.abort();
  }

  #beat() {
    // The media may run some milliseconds longer than the catalog says; the API refuses what lies beyond.
    const position = Math.min(this.#video.currentTime, this.#durationS);
    const moved = Math.abs(position - this.#last) >= 0.5;
    if (this.#ended.signal.aborted || position === 0 || !moved) return;
    this.#last = position;
    this.#api
      .reportProgress({
        title_id: this.#titleId,
        position_s: Math.round(position * 1000) / 1000,
        recorded_at: new Date().toISOString(),
      })
      // A lost beat costs the viewer nothing: the next one carries the whole truth.
      .then(
        () => (this.#metrics.beats_sent += 1),
        () => (this.#metrics.beats_lost += 1),
      );
  }
}
