/**
 * Asks for a session's licence while its manifest is on its way.
 *
 * Shaka Player asks when it has read the manifest, and once a key. The session names its keys, so that one request does,
 * a round trip earlier. Shaka's own are sent to an address of a scheme of the page's, and answered from that licence.
 */

const SCHEME = "ahead";
// Shaka sends its own request then: a connection may be dead without anybody having said so.
const PATIENCE_MS = 5000;

/** @typedef {{given: {keys: {kid: string}[]}, date: string | null}} Licence */

/** The licence of the session that plays. */
export class LicenceAhead {
  #api;
  /** @type {Promise<Licence | null>} */
  #licence = Promise.resolve(null);

  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.#api = api;
    shaka.net.NetworkingEngine.registerScheme(SCHEME, this.#serve.bind(this));
  }

  /**
   * Ask for the licence of a session.
   *
   * @param {import("./api.js").Session} session
   * @returns {string}  the address that Shaka is to ask
   */
  ask(session) {
    const asked = session.key_ids.length > 0 ? this.#api.licence(session, session.key_ids) : Promise.resolve(null);
    // If it is refused, or lost, Shaka's own request is sent, and says what is wrong.
    this.#licence = Promise.race([asked.catch(() => null), inVain()]);
    return `${SCHEME}:${new URL(session.license_url, location.href).href}`;
  }

  /**
   * Answer Shaka's request from the licence; one for a key that the licence does not have goes to the service.
   *
   * @param {string} uri
   * @param {shaka.extern.Request} request
   * @param {[any, any, any, any]} others  what else a scheme's plugin is given
   */
  #serve(uri, request, ...others) {
    const { AbortableOperation, StringUtils } = shaka.util;
    const { kids } = JSON.parse(StringUtils.fromUTF8(request.body));
    return AbortableOperation.notAbortable(this.#licence).chain((/** @type {Licence | null} */ licence) => {
      const keys = licence?.given.keys.filter(({ kid }) => kids.includes(kid)) ?? [];
      if (!licence || keys.length < kids.length) {
        return shaka.net.HttpFetchPlugin.parse(beyond(uri), request, ...others);
      }
      const headers = { "content-type": "application/json", ...(licence.date && { date: licence.date }) };
      const data = StringUtils.toUTF8(JSON.stringify({ ...licence.given, keys }));
      return { uri, originalUri: uri, data, headers, originalRequest: request };
    });
  }
}

/**
 * @param {string} uri
 * @returns {string}  where a request for it goes if it is not answered here
 */
export function beyond(uri) {
  return uri.startsWith(`${SCHEME}:`) ? uri.slice(SCHEME.length + 1) : uri;
}

/** @returns {Promise<null>}  when it was waited long enough */
function inVain() {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), PATIENCE_MS);
  });
}
