/** Marquee's HTTP API. */

import { device } from "./device.js";

/**
 * @typedef {object} Playing
 * @property {string} [device]
 * @property {string} title_id
 * @property {number} since  seconds since 1970
 */

/** The API refused, or could not be reached (status 0). The fields are those of RFC 9457. */
export class ApiError extends Error {
  name = "ApiError";

  /**
   * @param {object} problem
   * @param {number} problem.status
   * @param {string} problem.title
   * @param {string} [problem.detail]
   * @param {string} [problem.instance]  the request's id
   * @param {string} [problem.type]      the kind of problem, a URN
   * @param {string} [problem.reason]    for machines
   * @param {number} [problem.limit]     of devices that may play at the same time
   * @param {Playing[]} [problem.playing]  those that do
   */
  constructor({ status, title, detail = "", instance = "", type = "", reason = "", limit = 0, playing = [] }) {
    super(detail || title);
    this.type = type;
    this.status = status;
    this.title = title;
    this.instance = instance;
    this.reason = reason;
    this.limit = limit;
    this.playing = playing;
  }
}

/**
 * @typedef {object} Title
 * @property {string} title_id
 * @property {string} name
 * @property {string} synopsis
 * @property {number | null} year
 * @property {string} credit
 * @property {number} duration_s
 * @property {string} version_id
 * @property {string} poster      a path at the edge
 * @property {Place | null} series  of which it is an episode
 */

/**
 * @typedef {object} Place
 * @property {string} name  the series'
 * @property {number} season
 * @property {number} episode
 */

/**
 * @typedef {object} Session
 * @property {string} session_id
 * @property {string} title_id
 * @property {string} url          what is deleted to end it
 * @property {string} heartbeat_url
 * @property {number} heartbeat_interval_s
 * @property {string} telemetry_url
 * @property {{dash: string, hls: string}} manifests
 * @property {string | null} thumbnails  the WebVTT track of the seek thumbnails, at the edge
 * @property {string} license_url
 * @property {string[]} key_ids  that the licence may be asked for at once
 * @property {number} resume_position_s
 * @property {number} progress_interval_s
 * @property {number} expires_at  seconds since 1970
 */

/**
 * @typedef {object} KnownDevice
 * @property {string} device_id
 * @property {string | null} name
 * @property {number} last_seen_at  seconds since 1970
 * @property {string | null} country
 * @property {boolean} in_household
 */

/**
 * @typedef {object} Devices
 * @property {KnownDevice[]} devices
 * @property {string} stage      how the account stands: clear, notice, challenge or block
 * @property {string[]} reasons  why, as codes
 */

/**
 * @typedef {object} Begun
 * @property {string} title_id
 * @property {number} position_s
 * @property {number | null} duration_s
 * @property {string | null} next_title_id  the episode that stands in its place, because it was seen to its end
 */

/** Sends requests as whoever is signed in. */
export class SignedInClient {
  #auth;

  /** @param {import("./auth.js").Auth} auth */
  constructor(auth) {
    this.#auth = auth;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async json(method, path, body) {
    return (await this.send(method, path, body)).json();
  }

  /**
   * Send a request; a token that has ended is renewed, and the request repeated.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {RequestInit} [options]
   * @returns {Promise<Response>}
   * @throws {ApiError} if the answer is an error, or there is none
   * @throws {import("./auth.js").SignedOutError} if the sign-in has ended
   */
  async send(method, path, body, options = {}) {
    let response = await this.#fetch(await this.#auth.idToken(), method, path, body, options);
    if (response.status === 401) {
      response = await this.#fetch(await this.#auth.renew(), method, path, body, options);
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new ApiError({ title: response.statusText, ...problem, status: response.status });
  }

  /**
   * @param {string} token
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {RequestInit} options
   */
  async #fetch(token, method, path, body, options) {
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${token}` };
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await fetch(path, { ...options, method, headers, body: body && JSON.stringify(body) });
    } catch {
      throw new ApiError({ status: 0, title: "Network", detail: "The service cannot be reached." });
    }
  }
}

/** Calls the API as the signed-in viewer. */
export class Api {
  #client;
  #watcher;
  #languages;

  /**
   * @param {object} options
   * @param {import("./auth.js").Auth} options.auth
   * @param {import("./profiles.js").Watcher} options.watcher  who watches
   * @param {import("./languages.js").Languages} options.languages
   */
  constructor({ auth, watcher, languages }) {
    this.#client = new SignedInClient(auth);
    this.#watcher = watcher;
    this.#languages = languages;
  }

  /** @returns {Promise<import("./profiles.js").Profile[]>}  those of the account, beside its holder */
  async profiles() {
    return (await this.#client.json("GET", "/api/account/profiles")).profiles;
  }

  /** @returns {Promise<Title[]>}  what whoever watches may see */
  async titles() {
    const maxAge = this.#watcher.chosen?.max_age ?? null;
    const query = maxAge === null ? "" : `?max_age=${maxAge}`;
    return (await this.#client.json("GET", `/api/catalog/titles${query}`)).titles;
  }

  /**
   * Ask to play a title: entitlement, resume position, licence and edge token in one round trip.
   *
   * @param {string} titleId
   * @returns {Promise<Session>}
   */
  async createSession(titleId) {
    return this.#client.json("POST", "/api/playback/sessions", {
      ...this.#whoWatches(),
      title_id: titleId,
      device: await device(),
      languages: this.#languages.wanted,
    });
  }

  /** @param {Session} session */
  async heartbeat({ heartbeat_url }) {
    await this.#client.send("POST", heartbeat_url);
  }

  /**
   * Ask for a licence before the player does, or again.
   *
   * @param {Session} session
   * @param {string[]} keyIds
   * @returns {Promise<{given: import("./licence.js").Given, date: string | null}>}  the licence, and when it was given
   */
  async licence({ license_url }, keyIds) {
    const response = await this.#client.send("POST", license_url, { kids: keyIds, type: "temporary" });
    return { given: await response.json(), date: response.headers.get("date") };
  }

  /** @param {Session} session */
  async endSession({ url }) {
    // keepalive: it is sent while the page goes away.
    await this.#client.send("DELETE", url, undefined, { keepalive: true });
  }

  /** @returns {Promise<Begun[]>}  what there is to go on with, the latest first */
  async begun() {
    const query = new URLSearchParams(this.#whoWatches());
    return (await this.#client.json("GET", `/api/playback/progress?${query}`)).titles;
  }

  /** @returns {{profile_id?: string}}  as every route takes it */
  #whoWatches() {
    const id = this.#watcher.chosen?.profile_id;
    return id ? { profile_id: id } : {};
  }

  /** @returns {Promise<Devices>} */
  devices() {
    return this.#client.json("GET", "/api/account/devices");
  }

  /** @param {string} [deviceId]  none: every device */
  async signOutDevice(deviceId) {
    const path = deviceId ? `/${encodeURIComponent(deviceId)}` : "";
    await this.#client.send("DELETE", `/api/account/devices${path}`);
  }

  /**
   * Ask which device waits under a code.
   *
   * @param {string} userCode
   * @returns {Promise<{device: string, expires_at: number}>}
   */
  deviceRequest(userCode) {
    return this.#client.json("GET", `/api/device/request?user_code=${encodeURIComponent(userCode)}`);
  }

  /**
   * Let the device in that waits under a code, or refuse it.
   *
   * @param {string} userCode
   * @param {"allow" | "deny"} decision
   */
  async decideDevice(userCode, decision) {
    await this.#client.send("POST", "/api/device/approve", { user_code: userCode, decision });
  }

  /**
   * Say how the film plays.
   *
   * @param {Session} session
   * @param {import("./telemetry.js").Happening[]} events
   */
  async reportTelemetry({ session_id, telemetry_url }, events) {
    // keepalive, and no beacon: that could not carry the token.
    await this.#client.send("POST", telemetry_url, { session_id, events }, { keepalive: true });
  }

  /**
   * Report how far the viewer is.
   *
   * @param {object} beat
   * @param {string} beat.title_id
   * @param {number} beat.position_s
   * @param {string} beat.recorded_at
   * @returns {Promise<string | null>}  the title that may be watched next, if this was the end of an episode
   */
  async reportProgress(beat) {
    // keepalive: the last beat is sent while the page goes away.
    const sent = { ...this.#whoWatches(), ...beat, sent_at: new Date().toISOString() };
    const answer = await this.#client.send("POST", "/api/playback/progress", sent, { keepalive: true });
    return (await answer.json()).next_title_id;
  }
}
