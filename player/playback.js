/** Plays one title at a time: session, manifest, licence, segments. */

import { LicenceAhead, beyond } from "./ahead.js";
import { describe } from "./faults.js";
import { Licence } from "./licence.js";
import { Presence } from "./presence.js";
import { COMPLETED, ProgressReporter } from "./progress.js";
import { makeSteerable } from "./steering.js";
import { Telemetry } from "./telemetry.js";

const KEY_SYSTEM = "org.w3.clearkey";

/**
 * @typedef {object} Metrics
 * @property {string} title_id
 * @property {number | null} session_ms      from the click to the session's answer
 * @property {number | null} first_frame_ms  from the click to the first frame on the screen
 * @property {number} beats_sent
 * @property {number} beats_lost
 */

/**
 * Owns the Shaka player. Emits "fault" (detail: the error), "picture" (detail: what is being shown) and "next" (detail:
 * the id of the title that may be watched next, or null).
 */
export class Playback extends EventTarget {
  #video;
  #api;
  #auth;
  #languages;
  #attached;
  #ahead;
  /** The language that is heard; empty: no film is loaded. */
  #heard = "";
  /** @type {string | undefined}  the language that is read */
  #read;
  /** @type {ProgressReporter | null} */
  #progress = null;
  /** @type {Presence | null} */
  #presence = null;
  /** @type {Licence | null} */
  #licence = null;
  /** @type {Telemetry | null} */
  #telemetry = null;
  #frameRequest = 0;
  // Counts starts and stops: whoever comes back from an await and finds it changed has been overtaken.
  #turn = 0;

  /** @type {Metrics} */
  metrics = { title_id: "", session_ms: null, first_frame_ms: null, beats_sent: 0, beats_lost: 0 };

  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video
   * @param {HTMLElement} options.stage  holds the video and Shaka's controls
   * @param {import("./api.js").Api} options.api
   * @param {import("./auth.js").Auth} options.auth
   * @param {import("./languages.js").Languages} options.languages
   */
  constructor({ video, stage, api, auth, languages }) {
    super();
    this.#video = video;
    this.#api = api;
    this.#auth = auth;
    this.#languages = languages;
    shaka.polyfill.installAll();
    this.player = new shaka.Player();
    this.#attached = this.player.attach(video);
    new shaka.ui.Overlay(this.player, stage, video).configure(CONTROLS);
    this.player.configure({ manifest: { dash: { manifestPreprocessorTXml: makeSteerable } } });
    this.#ahead = new LicenceAhead(api);
    this.player.getNetworkingEngine()?.registerRequestFilter(this.#authorize.bind(this));
    this.player.getNetworkingEngine()?.registerResponseFilter(this.#noteLicence.bind(this));
    this.player.addEventListener("error", (/** @type {any} */ event) => this.#fail(event.detail));
    this.player.addEventListener("buffering", (/** @type {any} */ event) => {
      this.#telemetry?.buffering(event.buffering, video.seeking);
    });
    // Both are said when somebody chooses, and not when Shaka changes the rung.
    this.player.addEventListener("variantchanged", () => this.#rememberHeard());
    this.player.addEventListener("textchanged", () => this.#rememberRead());
    for (const change of ["adaptation", "variantchanged", "trackschanged"]) {
      this.player.addEventListener(change, () => this.#describePicture());
    }
  }

  /**
   * Play a title from where the viewer left it.
   *
   * @param {import("./api.js").Title} title
   * @param {number} clickedAt  performance.now() of the viewer's click
   */
  async start(title, clickedAt) {
    await this.stop();
    const turn = ++this.#turn;
    /** @type {Metrics} */
    const metrics = { title_id: title.title_id, session_ms: null, first_frame_ms: null, beats_sent: 0, beats_lost: 0 };
    this.metrics = metrics;
    try {
      const session = await this.#api.createSession(title.title_id);
      const presence = new Presence({ api: this.#api, session, onLost: (error) => this.#fail(error) });
      if (turn !== this.#turn) {
        presence.end();
        return;
      }
      this.#presence = presence;
      this.#telemetry = new Telemetry({ api: this.#api, session });
      this.#licence = new Licence({ api: this.#api, session, onLost: (error) => this.#fail(error) });
      metrics.session_ms = performance.now() - clickedAt;
      this.player.configure({ drm: { servers: { [KEY_SYSTEM]: this.#ahead.ask(session) } } });
      this.#frameRequest = this.#video.requestVideoFrameCallback((now) => {
        metrics.first_frame_ms = now - clickedAt;
        this.#telemetry?.started(metrics.first_frame_ms);
      });
      const startAt = resumeAt(session.resume_position_s, title.duration_s);
      // Told the type, Shaka need not ask for it with a HEAD request of its own.
      await this.player.load(session.manifests.dash, startAt, "application/dash+xml");
      if (turn !== this.#turn) return;
      // The manifest has chosen already: by its roles.
      const read = this.player.getTextTracks().find(({ primary }) => primary);
      if (read) this.player.selectTextTrack(read);
      // Shaka says later that it was selected: that is no viewer's choice.
      this.#read = read?.language;
      this.#heard = this.#active()?.language ?? "";
      this.#progress = new ProgressReporter({
        video: this.#video, api: this.#api, title, intervalS: session.progress_interval_s, metrics,
        onNext: (titleId) => this.dispatchEvent(new CustomEvent("next", { detail: titleId })),
      });
      await this.#play();
      // Not before the film has begun: they would share its network.
      if (turn === this.#turn && session.thumbnails) this.#preview(session.thumbnails);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  /** Stop, tell how far the viewer came, end the session, and let go of the film. */
  async stop() {
    this.#turn += 1;
    this.#heard = "";
    this.#progress?.stop();
    this.#progress = null;
    this.#presence?.end();
    this.#presence = null;
    this.#telemetry?.end();
    this.#telemetry = null;
    this.#licence?.end();
    this.#licence = null;
    this.#video.cancelVideoFrameCallback(this.#frameRequest);
    // An unload that overtakes the attaching would cancel it.
    await this.#attached;
    await this.player.unload();
  }

  /**
   * Show pictures of the film over the seek bar. They are a help and not the film: it plays on without them.
   *
   * @param {string} track  a WebVTT track of sprites
   */
  async #preview(track) {
    try {
      await this.player.addThumbnailsTrack(new URL(track, location.href).href, "text/vtt");
    } catch (error) {
      console.warn("no seek previews:", error);
    }
  }

  async #play() {
    try {
      await this.#video.play();
    } catch (error) {
      // A deep link has no click behind it, so the browser may want one: the controls are there for that.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  /**
   * Sign the requests that go to the API, and no other: segments carry their own token in their path.
   *
   * @param {shaka.net.NetworkingEngine.RequestType} type
   * @param {shaka.extern.Request} request
   */
  async #authorize(type, request) {
    const { MANIFEST, LICENSE } = shaka.net.NetworkingEngine.RequestType;
    if (type !== MANIFEST && type !== LICENSE) return;
    if (!request.uris.map(beyond).every(isApi)) return;
    request.headers.Authorization = `Bearer ${await this.#auth.idToken()}`;
    // The API passes a body of an unnamed type on as binary.
    if (type === LICENSE) request.headers["Content-Type"] = "application/json";
  }

  /**
   * Take note of how long a licence holds.
   *
   * @param {shaka.net.NetworkingEngine.RequestType} type
   * @param {shaka.extern.Response} response
   */
  #noteLicence(type, { data, headers }) {
    if (type !== shaka.net.NetworkingEngine.RequestType.LICENSE) return;
    this.#licence?.take(JSON.parse(shaka.util.StringUtils.fromUTF8(data)), headers.date);
  }

  /** @param {any} error */
  #fail(error) {
    if (error instanceof shaka.util.Error) {
      if (error.code === shaka.util.Error.Code.LOAD_INTERRUPTED) return;
      if (error.severity !== shaka.util.Error.Severity.CRITICAL) return;
    }
    this.#telemetry?.failed(describe(error).code);
    this.dispatchEvent(new CustomEvent("fault", { detail: error }));
  }

  #active() {
    return this.player.getVariantTracks().find(({ active }) => active);
  }

  #rememberHeard() {
    const language = this.#active()?.language;
    if (!this.#heard || !language || language === this.#heard) return;
    this.#heard = language;
    this.#languages.remember({ audio: language });
  }

  #rememberRead() {
    if (!this.#heard) return;
    const track = this.player.getTextTracks().find(({ active }) => active);
    // Forced ones are nobody's choice.
    const language = track && !track.forced ? track.language : undefined;
    if (language === this.#read) return;
    this.#read = language;
    this.#languages.remember({ text: language });
  }

  #describePicture() {
    const track = this.#active();
    const drm = this.player.drmInfo();
    if (!track?.height) return;
    this.#telemetry?.chosen(track.bandwidth);
    const words = [`${track.height}p`, `${(track.bandwidth / 1e6).toFixed(1)} Mbit/s`];
    if (drm) words.push(drm.keySystem === KEY_SYSTEM ? "encrypted, ClearKey" : "encrypted");
    this.dispatchEvent(new CustomEvent("picture", { detail: words.join(" · ") }));
  }
}

/**
 * Return where to go on; who has seen a film starts it anew.
 *
 * @param {number} position  seconds
 * @param {number} duration  seconds
 * @returns {number | null}  null: from the start
 */
function resumeAt(position, duration) {
  return position > 0 && position < duration * COMPLETED ? position : null;
}

/**
 * Tell subtitles for those who do not hear the sound from the others of their language; forced ones are told by Shaka.
 *
 * @param {string | null} language
 * @param {{roles: string[]}} track
 * @returns {string}  empty: what Shaka calls it
 */
function labelled(language, track) {
  return language && track.roles.includes("caption") ? `${language} (SDH)` : "";
}

/** @param {string} uri */
function isApi(uri) {
  const { origin, pathname } = new URL(uri, location.href);
  return origin === location.origin && pathname.startsWith("/api/");
}

const CONTROLS = {
  controlPanelElements: ["play_pause", "mute_volume", "time_and_duration", "spacer", "captions", "overflow_menu", "fullscreen"],
  topControlPanelElements: [],
  overflowMenuButtons: ["captions", "language", "quality", "playback_rate", "picture_in_picture", "statistics"],
  customTrackLabel: labelled,
  // No "save video frame" on a protected film.
  customContextMenu: false,
  // Picture-in-picture by a document of its own copies styles into it, which the page's policy forbids.
  documentPictureInPicture: { enabled: false },
  enableKeyboardPlaybackControlsInWindow: true,
  fadeDelay: 1,
  seekBarColors: {
    base: "rgba(255, 255, 255, 0.22)",
    buffered: "rgba(255, 255, 255, 0.38)",
    played: "#ffb547",
  },
  volumeBarColors: { base: "rgba(255, 255, 255, 0.3)", level: "#ffb547" },
};
