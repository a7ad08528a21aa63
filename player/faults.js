/** What went wrong, said to a viewer. */

import { ApiError } from "./api.js";
import { SignInError } from "./auth.js";
import { LicenceEndedError } from "./licence.js";

/**
 * @typedef {object} Fault
 * @property {string} heading
 * @property {string} advice
 * @property {string} code     for support: "LICENSE 403", "SHAKA 3016", "API 404 <request id>"
 * @property {string[]} [list]  what the advice is about, one a line
 */

/** @type {Record<number, [string, string]>} */
const BY_STATUS = {
  0: ["We lost the connection", "Check your network, then try again."],
  401: ["Your sign-in has ended", "Sign out, sign in again, and the film continues where you stopped."],
  403: ["This screening has ended", "Try again to open a new one; the film continues where you stopped."],
  404: ["This film is not showing", "It may have left the catalog. Choose another one."],
  410: ["This screening has ended", "Try again to open a new one; the film continues where you stopped."],
  429: ["The house is full for a moment", "Wait a few seconds, then try again."],
};

export const REVOKED_TYPE = "urn:marquee:problem:revoked";
/** @type {[string, string]} */
const REVOKED = ["This screening was stopped", "The service has ended it. If it stays so on this device, use another one, or ask the support."];
/** @type {Record<string, [string, string]>} */
const BY_REASON = {
  territory: ["This film is not showing where you live", "Its rights do not cover your home. Choose another one."],
  "not-yet": ["This film is not showing yet", "Its day has not come where you live. Choose another one."],
  "no-longer": ["This film is no longer showing", "Its time is over where you live. Choose another one."],
  rating: ["This film is not for this profile", "Choose another film, or another profile."],
  "signed-out": ["This device was signed out", "Sign out here, sign in again, and the film continues where you stopped."],
  challenge: ["Show that it is you", "The account was used in an unusual way. Sign out here, and sign in again."],
  block: ["The account is blocked for now", "It was used in an unusual way for long. Write to the support."],
  device: ["This device cannot play the film", "It has no picture that this browser plays. Try another device."],
};

/** @type {[string, string]} */
const UNKNOWN = ["The projector stopped", "Something on our side went wrong. Try again in a moment."];

/**
 * Describe an error.
 *
 * @param {unknown} error  an ApiError, an error of Shaka Player, or anything else that was thrown
 * @returns {Fault}
 */
export function describe(error) {
  if (error instanceof ApiError) {
    if (error.type === REVOKED_TYPE) return fault(REVOKED, `REVOKED ${error.status} ${error.instance}`.trim());
    if (error.reason === "stream-limit") return tooMany(error);
    return fault(BY_REASON[error.reason] ?? BY_STATUS[error.status] ?? UNKNOWN, `API ${error.status} ${error.instance}`.trim());
  }
  if (error instanceof LicenceEndedError) return fault(BY_STATUS[410], "LICENSE ENDED");
  if (error instanceof shaka.util.Error) return describeShaka(error);
  return fault(UNKNOWN, error instanceof Error ? error.name : "UNKNOWN");
}

/**
 * Say in a sentence why something beside the films did not work.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function inShort(error) {
  if (error instanceof SignInError) return error.message;
  if (error instanceof ApiError && error.status === 0) return `${BY_STATUS[0][0]}. ${BY_STATUS[0][1]}`;
  return "Something on our side went wrong. Try again.";
}

/**
 * @param {ApiError} error
 * @returns {Fault}
 */
function tooMany({ status, instance, limit, playing }) {
  const many = limit === 1 ? "one screen" : `${limit} screens`;
  const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
  return {
    ...fault(
      ["Every seat is taken", `Your plan has ${many} at the same time. Stop the film on one of these, then try again:`],
      `API ${status} ${instance}`.trim(),
    ),
    list: playing.map(({ device, since }) => `${device ?? "A device"}, since ${time.format(new Date(since * 1000))}`),
  };
}

/**
 * @param {shaka.util.Error} error
 * @returns {Fault}
 */
function describeShaka(error) {
  const { Category, Code } = shaka.util.Error;
  if (error.code === Code.LICENSE_REQUEST_FAILED) {
    const cause = error.data[0];
    const status = cause instanceof shaka.util.Error ? httpStatus(cause) : undefined;
    if (status === 0) return fault(BY_STATUS[0], "LICENSE 0");
    if (status === 403 && isRevoked(cause.data[2])) return fault(REVOKED, "REVOKED LICENSE 403");
    return fault(
      ["This film could not be unlocked", "Its licence was refused. Try again; if it stays so, sign in again."],
      `LICENSE ${status ?? error.code}`,
    );
  }
  const status = httpStatus(error);
  if (status === 403 && isRevoked(error.data[2])) return fault(REVOKED, "REVOKED 403");
  if (status !== undefined) return fault(BY_STATUS[status] ?? UNKNOWN, `NETWORK ${status}`);
  if (error.category === Category.DRM || error.code === Code.CONTENT_UNSUPPORTED_BY_BROWSER) {
    return fault(
      ["This browser cannot unlock the film", "Use a current Chrome, Edge or Firefox over a secure address."],
      `SHAKA ${error.code}`,
    );
  }
  return fault(UNKNOWN, `SHAKA ${error.code}`);
}

/**
 * @param {shaka.util.Error} error
 * @returns {number | undefined}  0 if there was no answer at all; undefined if it is no network error
 */
function httpStatus(error) {
  const { Code } = shaka.util.Error;
  if (error.code === Code.BAD_HTTP_STATUS) return error.data[1];
  if (error.code === Code.HTTP_ERROR || error.code === Code.TIMEOUT) return 0;
  return undefined;
}

/**
 * @param {unknown} body  of an answer, as Shaka Player kept it
 * @returns {boolean}     whether it is the problem document of something that was revoked
 */
function isRevoked(body) {
  try {
    return JSON.parse(String(body)).type === REVOKED_TYPE;
  } catch {
    return false;
  }
}

/**
 * @param {[string, string]} words
 * @param {string} code
 * @returns {Fault}
 */
function fault([heading, advice], code) {
  return { heading, advice, code };
}
