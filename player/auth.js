/** Sign-in with Amazon Cognito's own JSON API, without its SDK. */

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
 * What Cognito asks for before it lets somebody in.
 *
 * @typedef {object} Challenge
 * @property {"NEW_PASSWORD_REQUIRED" | "SOFTWARE_TOKEN_MFA" | "MFA_SETUP"} name
 * @property {string} session   Cognito's handle of the half-finished sign-in
 * @property {string} username
 * @property {string} [secret]  of MFA_SETUP: what an authenticator app is to be given
 */

/** @type {Record<string, string>} */
const MESSAGES = {
  NotAuthorizedException: "That user name and password do not match.",
  UserNotFoundException: "That user name and password do not match.",
  PasswordResetRequiredException: "This password has to be reset. Ask whoever gave you the account.",
  UserNotConfirmedException: "This account is not confirmed yet. Ask whoever gave it to you.",
  CodeMismatchException: "That code is not the one of this moment. Wait for the next one.",
  EnableSoftwareTokenMFAException: "That code is not the one of this moment. Wait for the next one.",
  ExpiredCodeException: "That code has ended. Wait for the next one.",
  InvalidPasswordException: "That password is too weak: make it longer and mix letters, digits and signs.",
  TooManyRequestsException: "Too many attempts. Wait a minute, then try again.",
  LimitExceededException: "Too many attempts. Wait a minute, then try again.",
};

/** Holds a user's tokens and renews them. Emits "signedout". */
export class Auth extends EventTarget {
  #endpoint;
  #clientId;
  #storeKey;
  /** @type {Tokens | null} */
  #tokens;
  /** @type {Promise<string> | null} */
  #renewal = null;

  /**
   * @param {object} options
   * @param {string} options.endpoint  the Cognito endpoint of the region, or the embedded cloud's
   * @param {string} options.clientId  the user pool's public client
   * @param {string} [options.storeKey]  where the session is kept: each user pool has its own
   */
  constructor({ endpoint, clientId, storeKey = "marquee.session" }) {
    super();
    this.#endpoint = endpoint;
    this.#clientId = clientId;
    this.#storeKey = storeKey;
    this.#tokens = JSON.parse(sessionStorage.getItem(storeKey) ?? "null");
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
   * @returns {Promise<Challenge | null>}  what has to be answered first, if anything
   */
  async signIn(username, password) {
    const answer = await this.#call("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: this.#clientId,
      AuthParameters: { USERNAME: username, PASSWORD: password },
    });
    return this.#next(answer, username);
  }

  /**
   * Answer a challenge.
   *
   * @param {Challenge} challenge
   * @param {string} text  the new password, or the authenticator app's code
   * @returns {Promise<Challenge | null>}  the next one, if there is one
   */
  async answer({ name, session, username }, text) {
    /** @type {Record<string, string>} */
    const responses = { USERNAME: username };
    let handle = session;
    if (name === "NEW_PASSWORD_REQUIRED") responses.NEW_PASSWORD = text;
    else if (name === "SOFTWARE_TOKEN_MFA") responses.SOFTWARE_TOKEN_MFA_CODE = text;
    else handle = (await this.#call("VerifySoftwareToken", { Session: session, UserCode: text })).Session;
    const answer = await this.#call("RespondToAuthChallenge", {
      ChallengeName: name,
      ClientId: this.#clientId,
      Session: handle,
      ChallengeResponses: responses,
    });
    return this.#next(answer, username);
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

  /** @param {string} [reason] shown on the sign-in form */
  signOut(reason = "") {
    const refreshToken = this.#tokens?.refreshToken;
    this.#end(reason);
    if (!refreshToken) return;
    // The page has forgotten the token either way; that nobody else can use it is worth one attempt.
    this.#call("RevokeToken", { ClientId: this.#clientId, Token: refreshToken }).catch(() => {});
  }

  /** @param {string} reason shown on the sign-in form */
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
      const answer = await this.#call("InitiateAuth", {
        AuthFlow: "REFRESH_TOKEN_AUTH",
        ClientId: this.#clientId,
        AuthParameters: { REFRESH_TOKEN: current.refreshToken },
      });
      // Whoever signed out meanwhile stays so, and whoever signed in since is not renewed into the one before.
      if (this.#tokens !== current) throw new SignedOutError("You have signed out.");
      return this.#accept(answer, current.username, current.refreshToken);
    } catch (error) {
      // Only Cognito's own refusal ends the sign-in: a network that is away for a moment must not.
      if (!(error instanceof SignInError) || error.code === "Unreachable") throw error;
      if (this.#tokens === current) this.#end("Your sign-in has ended. Sign in again to continue.");
      throw new SignedOutError(error.message);
    }
  }

  /**
   * Take the tokens in, or return what is asked for before there are any.
   *
   * @param {any} answer
   * @param {string} username
   * @returns {Promise<Challenge | null>}
   */
  async #next(answer, username) {
    switch (answer.ChallengeName) {
      case "NEW_PASSWORD_REQUIRED":
      case "SOFTWARE_TOKEN_MFA":
        return { name: answer.ChallengeName, session: answer.Session, username };
      case "MFA_SETUP": {
        const token = await this.#call("AssociateSoftwareToken", { Session: answer.Session });
        return { name: "MFA_SETUP", session: token.Session, username, secret: token.SecretCode };
      }
      default:
        this.#accept(answer, username);
        return null;
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
    sessionStorage.setItem(this.#storeKey, JSON.stringify(this.#tokens));
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
