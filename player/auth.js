/** Sign-in with Amazon Cognito's own JSON API, without its SDK. */

const STORE_KEY = "marquee.session";
// A token this close to its end is renewed first, so that no request starts with one that ends on the way.
const RENEW_BEFORE_MS = 60_000;

/** The viewer has to sign in (again). */
export class SignedOutError extends Error {
  name = "SignedOutError";
}

/** Cognito refused: `code` is its error type, the message is fit to be shown. */
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
}

/**
 * @typedef {object} Tokens
 * @property {string} idToken       what the API's JWT authorizer reads: its `aud` is the client id
 * @property {string} refreshToken
 * @property {number} expiresAt     milliseconds since 1970
 * @property {string} username
 */

/**
 * @typedef {object} Challenge
 * @property {string} session   Cognito's handle of the half-finished sign-in
 * @property {string} username
 */

/** @type {Record<string, string>} */
const MESSAGES = {
  NotAuthorizedException: "That user name and password do not match.",
  UserNotFoundException: "That user name and password do not match.",
  PasswordResetRequiredException: "This password has to be reset. Ask whoever gave you the account.",
  UserNotConfirmedException: "This account is not confirmed yet. Ask whoever gave it to you.",
  InvalidPasswordException: "That password is too weak: make it longer and mix letters, digits and signs.",
  TooManyRequestsException: "Too many attempts. Wait a minute, then try again.",
  LimitExceededException: "Too many attempts. Wait a minute, then try again.",
};

/** Holds the viewer's tokens and renews them. Emits "signedout". */
export class Auth extends EventTarget {
  #endpoint;
  #clientId;
  /** @type {Tokens | null} */
  #tokens;
  /** @type {Promise<string> | null} */
  #renewal = null;

  /**
   * @param {object} options
   * @param {string} options.endpoint  the Cognito endpoint of the region, or the embedded cloud's
   * @param {string} options.clientId  the user pool's public client
   */
  constructor({ endpoint, clientId }) {
    super();
    this.#endpoint = endpoint;
    this.#clientId = clientId;
    this.#tokens = JSON.parse(sessionStorage.getItem(STORE_KEY) ?? "null");
  }

  /** The user name of whoever is signed in, else null. */
  get username() {
    return this.#tokens?.username ?? null;
  }

  /**
   * Sign in.
   *
   * @param {string} username
   * @param {string} password
   * @returns {Promise<Challenge | null>}  a challenge if the viewer must choose a new password first
   */
  async signIn(username, password) {
    const answer = await this.#call("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: this.#clientId,
      AuthParameters: { USERNAME: username, PASSWORD: password },
    });
    if (answer.ChallengeName === "NEW_PASSWORD_REQUIRED") return { session: answer.Session, username };
    this.#accept(answer, username);
    return null;
  }

  /**
   * Finish a sign-in that asked for a new password.
   *
   * @param {Challenge} challenge
   * @param {string} password
   */
  async choosePassword({ session, username }, password) {
    const answer = await this.#call("RespondToAuthChallenge", {
      ChallengeName: "NEW_PASSWORD_REQUIRED",
      ClientId: this.#clientId,
      Session: session,
      ChallengeResponses: { USERNAME: username, NEW_PASSWORD: password },
    });
    this.#accept(answer, username);
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
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  /** @param {string} [reason] shown on the sign-in form */
  signOut(reason = "") {
    this.#tokens = null;
    sessionStorage.removeItem(STORE_KEY);
    this.dispatchEvent(new CustomEvent("signedout", { detail: reason }));
  }

  async #renew() {
    const current = this.#tokens;
    if (!current) throw new SignedOutError("Sign in to continue.");
    try {
      const answer = await this.#call("InitiateAuth", {
        AuthFlow: "REFRESH_TOKEN_AUTH",
        ClientId: this.#clientId,
        AuthParameters: { REFRESH_TOKEN: current.refreshToken },
      });
      return this.#accept(answer, current.username, current.refreshToken);
    } catch (error) {
      // Only Cognito's own refusal ends the sign-in: a network that is away for a moment must not.
      if (!(error instanceof SignInError) || error.code === "Unreachable") throw error;
      this.signOut("Your sign-in has ended. Sign in again to continue.");
      throw new SignedOutError(error.message);
    }
  }

  /**
   * @param {any} answer
   * @param {string} username
   * @param {string} [refreshToken]  the one in use: a renewal does not always send another
   */
  #accept(answer, username, refreshToken = "") {
    const result = answer.AuthenticationResult;
    if (!result) {
      throw new SignInError(
        answer.ChallengeName ?? "NoTokens",
        `This account asks for ${answer.ChallengeName ?? "a step"}, which Marquee does not offer.`,
      );
    }
    this.#tokens = {
      idToken: result.IdToken,
      refreshToken: result.RefreshToken ?? refreshToken,
      expiresAt: Date.now() + result.ExpiresIn * 1000,
      username,
    };
    sessionStorage.setItem(STORE_KEY, JSON.stringify(this.#tokens));
    return this.#tokens.idToken;
  }

  /**
   * @param {string} action
   * @param {object} body
   * @returns {Promise<any>}
   */
  async #call(action, body) {
    let response;
    try {
      response = await fetch(this.#endpoint, {
        method: "POST",
        headers: {
          "Content-Type": "application/x-amz-json-1.1",
          "X-Amz-Target": `AWSCognitoIdentityProviderService.${action}`,
        },
        body: JSON.stringify(body),
      });
    } catch {
      throw new SignInError("Unreachable", "The sign-in service cannot be reached. Check your connection.");
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    // Either "NotAuthorizedException" or "prefix#NotAuthorizedException".
    const code = String(answer.__type ?? `HTTP ${response.status}`).split("#").pop() ?? "";
    throw new SignInError(code, MESSAGES[code] ?? `Sign-in failed: ${answer.message ?? code}`);
  }
}
