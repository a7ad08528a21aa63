/**
 * The peer of `player/playback.js` in `bench/startup.py`: Shaka Player and its controls as they come, one step after the
 * other. It is laid in place of the page's own, and everything else of the page stays.
 */

const KEY_SYSTEM = "org.w3.clearkey";

/** Plays a title as Shaka Player's tutorial does. */
export class Playback extends EventTarget {
  #video;
  #api;
  #attached;
  /** @type {import("../../player/api.js").Session | null} */
  #session = null;

  metrics = { first_frame_ms: null };

  constructor({ video, stage, api, auth }) {
    super();
    this.#video = video;
    this.#api = api;
    shaka.polyfill.installAll();
    this.player = new shaka.Player();
    this.#attached = this.player.attach(video);
    new shaka.ui.Overlay(this.player, stage, video);
    this.player.getNetworkingEngine().registerRequestFilter(async (type, request) => {
      const { MANIFEST, LICENSE } = shaka.net.NetworkingEngine.RequestType;
      if (type !== MANIFEST && type !== LICENSE) return;
      request.headers.Authorization = `Bearer ${await auth.idToken()}`;
      if (type === LICENSE) request.headers["Content-Type"] = "application/json";
    });
  }

  async start({ title_id }, clickedAt) {
    this.metrics = { first_frame_ms: null };
    try {
      await this.#attached;
      this.#video.requestVideoFrameCallback((now) => (this.metrics.first_frame_ms = now - clickedAt));
      this.#session = await this.#api.createSession(title_id);
      const { license_url, manifests, resume_position_s } = this.#session;
      this.player.configure({ drm: { servers: { [KEY_SYSTEM]: new URL(license_url, location.href).href } } });
      await this.player.load(manifests.dash, resume_position_s || null, "application/dash+xml");
      await this.#video.play();
    } catch (error) {
      this.dispatchEvent(new CustomEvent("fault", { detail: error }));
    }
  }

  async stop() {
    if (!this.#session) return;
    await this.player.unload();
    await this.#api.endSession(this.#session);
    this.#session = null;
  }
}
