/** Who is signed in: the tokens, and their renewal. How one signs in is the matter of whoever gives them. */

// A token this close to its end is renewed first, so that no request starts with one that ends on the way.
const RENEW_BEFORE_MS = 60_000;

/** One has to sign in (again). */
export class SignedOutError extends Error {
  name = "SignedOutError";
}

/** The sign-in service refused, or was not reached: `code` is its error type, the message is fit to be shown. */
export class SignInError extends Error {
  name = "SignInError";

  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }

  /** @returns {SignInError} */
  static unreachable() {
    return new SignInError("Unreachable", "The sign-in service cannot be reached. Check your connection.");
  }

  /** Whether the service itself said no: a network that is away for a moment is no refusal. */
  get refused() {
    return this.code !== "Unreachable";
  }
}

/**
 * What the sign-in service gives.
 *
 * @typedef {object} Granted
 * @property {string} idToken         what the API's JWT authorizer reads: its `aud` is the client id
 * @property {string} [refreshToken]  a renewal sends another one, or lets the one in use be used again
 * @property {number} expiresIn       seconds
 */

/**
 * @typedef {object} Tokens
 * @property {string} idToken
 * @property {string} refreshToken
 * @property {number} expiresAt  milliseconds since 1970
 * @property {string} username
 */

/**
 * Renews tokens, and takes them back.
 *
 * @typedef {object} Issuer
 * @property {(refreshToken: string) => Promise<Granted>} refresh
 * @property {(refreshToken: string) => void} revoke
 */

/** Holds a user's tokens and renews them. Emits "signedout". */
export class Auth extends EventTarget {
  #issuer;
  #storeKey;
  /** @type {Tokens | null} */
  #tokens;
  /** @type {Promise<string> | null} */
  #renewal = null;

  /**
   * @param {object} options
   * @param {Issuer} options.issuer
   * @param {string} [options.storeKey]  where the tokens are kept: each user pool has its own
   */
  constructor({ issuer, storeKey = "marquee.session" }) {
    super();
    this.#issuer = issuer;
    this.#storeKey = storeKey;
    this.#tokens = JSON.parse(sessionStorage.getItem(storeKey) ?? "null");
  }

  /** The name of whoever is signed in, else null. */
  get username() {
    return this.#tokens?.username ?? null;
  }

  /**
   * Take the tokens of whoever has signed in, or of a renewal.
   *
   * @param {Granted} granted
   * @param {string} username
   * @param {string} [refreshToken]  the one in use
   * @returns {string}  the ID token
   */
  accept(granted, username, refreshToken = "") {
    this.#tokens = {
      idToken: granted.idToken,
      refreshToken: granted.refreshToken ?? refreshToken,
      expiresAt: Date.now() + granted.expiresIn * 1000,
      username,
    };
    sessionStorage.setItem(this.#storeKey, JSON.stringify(this.#tokens));
    return granted.idToken;
  }

  /**
   * Return an ID token that still holds, renewed if it is about to end.
   *
   * @returns {Promise<string>}
   * @throws {SignedOutError} if nobody is signed in, or the sign-in cannot be renewed
   */
  async idToken() {
    if (!this.#tokens) throw new SignedOutError("Sign in to continue.");
    if (this.#tokens.expiresAt - Date.now() > RENEW_BEFORE_MS) return this.#tokens.idToken;
    return this.renew();
  }

  /**
   * Fetch a new ID token. Requests that need one at the same time share the one renewal.
   *
   * @returns {Promise<string>}
   * @throws {SignedOutError} if the sign-in cannot be renewed
   */
  renew() {
    if (this.#renewal) return this.#renewal;
    const renewal = this.#renew().finally(() => {
      if (this.#renewal === renewal) this.#renewal = null;
    });
    this.#renewal = renewal;
    return renewal;
  }

  /** @param {string} [reason] shown where one signs in */
  signOut(reason = "") {
    const refreshToken = this.#tokens?.refreshToken;
    this.#end(reason);
    // The page has forgotten the token either way; that nobody else can use it is worth one attempt.
    if (refreshToken) this.#issuer.revoke(refreshToken);
  }

  /** @param {string} reason */
  #end(reason) {
    this.#tokens = null;
    // Whoever signs in next does not share a renewal of the one before.
    this.#renewal = null;
    sessionStorage.removeItem(this.#storeKey);
    this.dispatchEvent(new CustomEvent("signedout", { detail: reason }));
  }

  async #renew() {
    const current = this.#tokens;
    if (!current) throw new SignedOutError("Sign in to continue.");
    try {
      const granted = await this.#issuer.refresh(current.refreshToken);
      // Whoever signed out meanwhile stays so, and whoever signed in since is not renewed into the one before. What
      // has come too late is taken back: it may be another refresh token than the one that was revoked.
      if (this.#tokens !== current) {
        if (granted.refreshToken) this.#issuer.revoke(granted.refreshToken);
        throw new SignedOutError("You have signed out.");
      }
      return this.accept(granted, current.username, current.refreshToken);
    } catch (error) {
      if (!(error instanceof SignInError) || !error.refused) throw error;
      if (this.#tokens === current) this.#end("Your sign-in has ended. Sign in again to continue.");
      throw new SignedOutError(error.message);
    }
  }
}
