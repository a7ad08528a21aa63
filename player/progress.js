/** Tells the platform how far the viewer is, so that another screen can continue there. */

/** Someone who has seen this share of a film has seen it; the platform says the same. */
export const COMPLETED = 0.98;
// Dragging the seek bar seeks many times; only where it comes to rest matters.
const SEEK_SETTLES_MS = 400;

/** Posts a beat at an interval, when the viewer pauses, seeks or leaves, and as soon as the film counts as seen. */
export class ProgressReporter {
  #video;
  #api;
  #titleId;
  #durationS;
  #metrics;
  #onNext;
  #last = -1;
  #completed = false;
  #ended = new AbortController();

  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video
   * @param {import("./api.js").Api} options.api
   * @param {import("./api.js").Title} options.title
   * @param {number} options.intervalS
   * @param {import("./playback.js").Metrics} options.metrics
   * @param {(titleId: string | null) => void} options.onNext  told after each beat what may be watched next
   */
  constructor({ video, api, title, intervalS, metrics, onNext }) {
    this.#video = video;
    this.#api = api;
    this.#titleId = title.title_id;
    this.#durationS = title.duration_s;
    this.#metrics = metrics;
    this.#onNext = onNext;

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
    video.addEventListener(
      "timeupdate",
      () => {
        if (this.#isCompleted(this.#position()) !== this.#completed) this.#beat();
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

  /** The position in whole milliseconds, as it is reported. */
  #position() {
    // The media may run some milliseconds longer than the catalog says; the API refuses what lies beyond.
    return Math.round(Math.min(this.#video.currentTime, this.#durationS) * 1000) / 1000;
  }

  /** @param {number} position */
  #isCompleted(position) {
    return position >= COMPLETED * this.#durationS;
  }

  #beat() {
    const position = this.#position();
    const completed = this.#isCompleted(position);
    const moved = Math.abs(position - this.#last) >= 0.5 || completed !== this.#completed;
    if (this.#ended.signal.aborted || position === 0 || !moved) return;
    this.#last = position;
    this.#completed = completed;
    this.#api
      .reportProgress({
        title_id: this.#titleId,
        position_s: position,
        recorded_at: new Date().toISOString(),
      })
      // A lost beat costs the viewer nothing: the next one carries the whole truth.
      .then(
        (next) => {
          this.#metrics.beats_sent += 1;
          // The answer to the beat of an earlier place, or of a film that was left, is overtaken.
          if (this.#last === position && !this.#ended.signal.aborted) this.#onNext(next);
        },
        () => (this.#metrics.beats_lost += 1),
      );
  }
}
