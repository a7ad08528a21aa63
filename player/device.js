/** What this browser says of itself, so that it is given what it can play. */

const STORE_KEY = "marquee.device";

/** One of each codec, as the platform encodes it: 1080 lines of film. */
const SAMPLES = {
  h264: 'video/mp4; codecs="avc1.640028"',
  h265: 'video/mp4; codecs="hvc1.2.4.L120.90"',
  av1: 'video/mp4; codecs="av01.0.08M.08"',
};

/**
 * @typedef {object} Device
 * @property {string} [id]        the same at every visit of this browser
 * @property {string} name
 * @property {string[]} [codecs]
 * @property {number} max_height  lines of the screen, in its own pixels
 * @property {boolean} hdr
 * @property {"software"} robustness
 */

/** @type {Promise<Device> | null} */
let probed = null;

/**
 * Return the device; it is asked once a visit.
 *
 * HDCP is left out: browsers tell it of their DRM systems, and ClearKey, which plays here, has no say in it. For the same
 * reason its keys are kept in software, whatever else the device has.
 *
 * @returns {Promise<Device>}
 */
export function device() {
  probed ??= probe();
  return probed;
}

/** @returns {Promise<Device>} */
async function probe() {
  const answers = await Promise.all(Object.entries(SAMPLES).map(async ([codec, type]) => (await plays(type)) && codec));
  const codecs = answers.filter((codec) => codec !== false);
  const id = identity();
  return {
    ...(id && { id }),
    name: "Web player",
    // A browser that denies everything is not believed: the player finds out by playing.
    ...(codecs.length > 0 && { codecs }),
    max_height: Math.max(1, Math.round(Math.min(screen.width, screen.height) * devicePixelRatio)),
    hdr: matchMedia("(dynamic-range: high)").matches,
    robustness: "software",
  };
}

/** @param {string} type */
async function plays(type) {
  const video = { contentType: type, width: 1920, height: 1080, bitrate: 6_000_000, framerate: 25 };
  try {
    return (await navigator.mediaCapabilities.decodingInfo({ type: "media-source", video })).supported;
  } catch {
    return false;
  }
}

/** @returns {string | null}  null if the browser keeps nothing */
function identity() {
  try {
    const known = localStorage.getItem(STORE_KEY) ?? crypto.randomUUID();
    localStorage.setItem(STORE_KEY, known);
    return known;
  } catch {
    return null;
  }
}
