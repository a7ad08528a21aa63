/** Plays a title with a player that is not the page's own, as a partner's application would, and measures it. */

import { Api } from "/api.js";
import { Auth } from "/auth.js";
import { Languages } from "/languages.js";
import { ManagedLogin } from "/oauth.js";
import { Watcher } from "/profiles.js";

const KEY_SYSTEM = "org.w3.clearkey";
// When the rung changes, a player's word of it comes a moment before or after its picture.
const WORD_LAG_S = 2;

/**
 * The players. Each is given a video, the session, the headers that the API asks for, and whom to tell that it cannot go
 * on; each returns a function that tells what its manifest declares of the rung on the screen.
 */
const PLAYERS = {
  dashjs({ video, session, signed, fail }) {
    const player = dashjs.MediaPlayer().create();
    player.addRequestInterceptor((request) => {
      if (isApi(request.url)) request.headers = { ...request.headers, ...signed };
      return Promise.resolve(request);
    });
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => fail(`${error.code} ${error.message}`));
    let shown;
    player.on(dashjs.MediaPlayer.events.QUALITY_CHANGE_RENDERED, ({ mediaType, newRepresentation }) => {
      if (mediaType === "video") shown = newRepresentation;
    });
    player.setProtectionData({ [KEY_SYSTEM]: { serverURL: session.license_url, httpRequestHeaders: signed } });
    player.initialize(video, session.manifests.dash, true);
    return () => shown;
  },

  hlsjs({ video, session, signed, fail }) {
    /** @param {XMLHttpRequest} request */
    function sign(request) {
      for (const [name, value] of Object.entries(signed)) request.setRequestHeader(name, value);
    }
    const hls = new Hls({
      emeEnabled: true,
      drmSystems: { [KEY_SYSTEM]: { licenseUrl: session.license_url } },
      licenseXhrSetup(request, url) {
        request.open("POST", url);
        sign(request);
      },
      xhrSetup(request, url) {
        request.open("GET", url);
        if (isApi(url)) sign(request);
      },
    });
    hls.on(Hls.Events.ERROR, (_, { fatal, details, error }) => fatal && fail(`${details} ${error.message}`));
    hls.loadSource(session.manifests.hls);
    hls.attachMedia(video);
    video.autoplay = true;
    return () => hls.levels[hls.currentLevel];
  },
};

/** @param {string} url */
function isApi(url) {
  const { origin, pathname } = new URL(url, location.href);
  return origin === location.origin && pathname.startsWith("/api/");
}

/** @param {string} url */
function isLicence(url) {
  return new URL(url).pathname === "/api/playback/license";
}

/** @param {HTMLVideoElement} video */
function played({ played }) {
  return Array.from(played, (_, i) => played.end(i) - played.start(i)).reduce((sum, length) => sum + length, 0);
}

/**
 * @param {HTMLVideoElement} video
 * @param {{width: number, height: number} | undefined} declared
 */
function agreed({ videoWidth, videoHeight }, declared) {
  return videoWidth === declared?.width && videoHeight === declared?.height;
}

/** How often the licence service gave a licence. */
function licences() {
  const asked = performance.getEntriesByType("resource").filter(({ name }) => isLicence(name));
  return asked.filter(({ responseStatus }) => responseStatus === 200).length;
}

/**
 * Play a title for some seconds of it. Whoever is signed in on the deployed page is the viewer.
 *
 * @param {"dashjs" | "hlsjs"} name
 * @param {string} titleId
 * @param {number} seconds
 */
window.play = async (name, titleId, seconds) => {
  const { sign_in_domain: domain, client_id: clientId } = await (await fetch("/config.json")).json();
  const auth = new Auth({ issuer: new ManagedLogin({ domain, clientId }) });
  const watcher = new Watcher();
  const session = await new Api({ auth, watcher, languages: new Languages(watcher) }).createSession(titleId);
  // The API passes a body of an unnamed type on as binary.
  const signed = { Authorization: `Bearer ${await auth.idToken()}`, "Content-Type": "application/json" };
  const video = document.querySelector("video");
  let fault = "";
  const shown = PLAYERS[name]({ video, session, signed, fail: (message) => (fault ||= message) });
  while (played(video) < seconds || !(agreed(video, shown()) || played(video) > seconds + WORD_LAG_S)) {
    if (fault || video.error) return { fault: fault || video.error.message };
    if (video.ended) return { fault: `the film ended after ${played(video).toFixed(1)} s` };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    played_s: played(video),
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    size: [video.videoWidth, video.videoHeight],
    declared: [shown()?.width, shown()?.height],
    protected: video.mediaKeys !== null,
    licences: licences(),
  };
};
