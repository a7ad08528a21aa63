/** Plays a title with Shaka Player as its own tutorial does: one step after the other, and nothing ahead of its time. */

import { Api } from "/api.js";
import { Auth } from "/auth.js";
import { device } from "/device.js";
import { ManagedLogin } from "/oauth.js";

const KEY_SYSTEM = "org.w3.clearkey";

const { sign_in_domain: domain, client_id: clientId } = await (await fetch("/config.json")).json();
const auth = new Auth({ issuer: new ManagedLogin({ domain, clientId }) });
const api = new Api(auth);
const video = document.querySelector("video");
shaka.polyfill.installAll();
const player = new shaka.Player();
await player.attach(video);
player.getNetworkingEngine().registerRequestFilter(async (type, request) => {
  const { MANIFEST, LICENSE } = shaka.net.NetworkingEngine.RequestType;
  if (type !== MANIFEST && type !== LICENSE) return;
  request.headers.Authorization = `Bearer ${await auth.idToken()}`;
  if (type === LICENSE) request.headers["Content-Type"] = "application/json";
});
// Asked before the film is, as on the page.
await device();

/**
 * Play a title from its beginning, until its first frame is on the screen.
 *
 * @param {string} titleId
 * @returns {Promise<{first_frame_ms: number, key_system: string}>}  milliseconds from the call to the frame
 */
window.play = async (titleId) => {
  // Wherever the other page has left it.
  await api.reportProgress({ title_id: titleId, position_s: 0, recorded_at: new Date().toISOString() });
  const askedAt = performance.now();
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const session = await api.createSession(titleId);
  player.configure({ drm: { servers: { [KEY_SYSTEM]: new URL(session.license_url, location.href).href } } });
  await player.load(session.manifests.dash, session.resume_position_s || null, "application/dash+xml");
  await video.play();
  const seen = { first_frame_ms: (await shown) - askedAt, key_system: player.drmInfo()?.keySystem ?? "" };
  await player.unload();
  await api.endSession(session);
  return seen;
};
