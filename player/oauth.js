/**
 * A viewer's sign-in: the authorization code grant with PKCE (RFC 6749, RFC 7636) at Cognito's managed login.
 *
 * The page sees no password. It sends the browser to the managed login, which sends it back with a code; only whoever
 * has the verifier of that attempt, which has never left this tab, gets tokens for it.
 */

import { SignInError } from "./auth.js";

const SCOPE = "openid email";
const RANDOM_BYTES = 32;
// Said anew when a renewal was refused: whoever ended the sign-in everywhere wants the password asked for, and the
// managed login may still know this browser.
const ASK_FOR_PASSWORD = "login";

/**
 * An attempt to sign in, kept while the browser is away.
 *
 * @typedef {object} Attempt
 * @property {string} state
 * @property {string} nonce
 * @property {string} verifier
 * @property {string} returnTo  the page's own address to go on at
 */

export class ManagedLogin {
  #base;
  #clientId;
  #storeKey = "marquee.signin";

  /**
   * @param {object} options
   * @param {string} options.domain  of the user pool, as an address that ends with a slash
   * @param {string} options.clientId  the user pool's public client
   */
  constructor({ domain, clientId }) {
    this.#base = new URL(domain, location.origin);
    this.#clientId = clientId;
  }

  /**
   * Leave for the managed login.
   *
   * @param {string} returnTo  where to go on, signed in: a path of this page
   * @param {boolean} again  ask for the password, whoever the managed login knows
   */
  async begin(returnTo, again) {
    /** @type {Attempt} */
    const attempt = { state: random(), nonce: random(), verifier: random(), returnTo };
    sessionStorage.setItem(this.#storeKey, JSON.stringify(attempt));
    location.assign(
      this.#address("oauth2/authorize", {
        response_type: "code",
        client_id: this.#clientId,
        redirect_uri: home(),
        scope: SCOPE,
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await challenge(attempt.verifier),
        code_challenge_method: "S256",
        ...(again ? { prompt: ASK_FOR_PASSWORD } : {}),
      }),
    );
  }

  /**
   * Whether the browser has just come back from the managed login.
   *
   * @returns {boolean}
   */
  get isBack() {
    const query = new URLSearchParams(location.search);
    return query.has("state") && (query.has("code") || query.has("error"));
  }

  /**
   * Exchange the code in the address for tokens, and take it out of the address.
   *
   * @returns {Promise<{granted: import("./auth.js").Granted, username: string}>}
   * @throws {SignInError} if the managed login refused, or the answer is to nothing that this tab has asked
   */
  async complete() {
    const query = new URLSearchParams(location.search);
    /** @type {Attempt | null} */
    const attempt = JSON.parse(sessionStorage.getItem(this.#storeKey) ?? "null");
    sessionStorage.removeItem(this.#storeKey);
    const answered = attempt !== null && attempt.state === query.get("state");
    // First of all: a code that stays in the address is read over a shoulder, and asked with again at a reload.
    history.replaceState(null, "", answered ? attempt.returnTo : "/");
    if (!answered) throw new SignInError("State", "That sign-in was not begun here. Sign in again.");
    const code = query.get("code");
    if (!code) throw new SignInError(query.get("error") ?? "NoCode", "The sign-in was not completed. Sign in again.");
    const answer = await this.#token({
      grant_type: "authorization_code",
      code,
      redirect_uri: home(),
      code_verifier: attempt.verifier,
    });
    // Straight from the issuer, over TLS: OpenID Connect Core (3.1.3.7) asks for no signature to be checked then.
    const { aud, nonce, email, sub } = claims(answer.id_token);
    if (aud !== this.#clientId || nonce !== attempt.nonce) {
      throw new SignInError("IdToken", "That sign-in was another one's. Sign in again.");
    }
    return { granted: granted(answer), username: email ?? sub };
  }

  /**
   * @param {string} refreshToken
   * @returns {Promise<import("./auth.js").Granted>}
   */
  async refresh(refreshToken) {
    return granted(await this.#token({ grant_type: "refresh_token", refresh_token: refreshToken }));
  }

  /** @param {string} refreshToken */
  revoke(refreshToken) {
    // A beacon (RFC 7009's form, no answer awaited) arrives although the page is left at the same time.
    const form = new URLSearchParams({ token: refreshToken, client_id: this.#clientId });
    navigator.sendBeacon(this.#address("oauth2/revoke"), form);
  }

  /** Make the managed login forget this browser, and come back. */
  leave() {
    location.assign(this.#address("logout", { client_id: this.#clientId, logout_uri: home() }));
  }

  /**
   * @param {Record<string, string>} form
   * @returns {Promise<any>}
   */
  async #token(form) {
    let response;
    try {
      response = await fetch(this.#address("oauth2/token"), {
        method: "POST",
        body: new URLSearchParams({ ...form, client_id: this.#clientId }),
      });
    } catch {
      throw SignInError.unreachable();
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok && answer.id_token) return answer;
    if (response.status >= 500 || response.status === 429) throw SignInError.unreachable();
    throw new SignInError(answer.error ?? `HTTP ${response.status}`, "The sign-in was refused. Sign in again.");
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [query]
   */
  #address(path, query = {}) {
    const address = new URL(path, this.#base);
    address.search = new URLSearchParams(query).toString();
    return address.href;
  }
}

/** The one address that codes are sent to: Cognito compares it as a whole. */
function home() {
  return `${location.origin}/`;
}

/**
 * @param {any} answer  of the token endpoint
 * @returns {import("./auth.js").Granted}
 */
function granted(answer) {
  return { idToken: answer.id_token, refreshToken: answer.refresh_token, expiresIn: answer.expires_in };
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
}

/** @param {string} verifier */
async function challenge(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * @param {string} token
 * @returns {Record<string, any>}
 */
function claims(token) {
  const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (character) =>
    character.charCodeAt(0),
  );
  return JSON.parse(new TextDecoder().decode(bytes));
}
