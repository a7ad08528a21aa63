/** A studio's sign-in by its password, with Amazon Cognito's own JSON API, without its SDK. */

import { SignInError } from "../auth.js";

/** @typedef {import("../auth.js").Granted} Granted */

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

export class Passwords {
  #endpoint;
  #clientId;

  /**
   * @param {object} options
   * @param {string} options.endpoint  the Cognito endpoint of the region, or the embedded cloud's
   * @param {string} options.clientId  the user pool's public client
   */
  constructor({ endpoint, clientId }) {
    this.#endpoint = endpoint;
    this.#clientId = clientId;
  }

  /**
   * Sign in.
   *
   * @param {string} username
   * @param {string} password
   * @returns {Promise<Granted | Challenge>}  the tokens, or what has to be answered first
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
   * @returns {Promise<Granted | Challenge>}  the tokens, or the next one
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
   * @param {string} refreshToken
   * @returns {Promise<Granted>}
   */
  async refresh(refreshToken) {
    const answer = await this.#call("InitiateAuth", {
      AuthFlow: "REFRESH_TOKEN_AUTH",
      ClientId: this.#clientId,
      AuthParameters: { REFRESH_TOKEN: refreshToken },
    });
    return granted(answer);
  }

  /** @param {string} refreshToken */
  revoke(refreshToken) {
    this.#call("RevokeToken", { ClientId: this.#clientId, Token: refreshToken }).catch(() => {});
  }

  /**
   * @param {any} answer
   * @param {string} username
   * @returns {Promise<Granted | Challenge>}
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
        return granted(answer);
    }
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
      throw SignInError.unreachable();
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    // Either "NotAuthorizedException" or "prefix#NotAuthorizedException".
    const code = String(answer.__type ?? `HTTP ${response.status}`).split("#").pop() ?? "";
    throw new SignInError(code, MESSAGES[code] ?? `Sign-in failed: ${answer.message ?? code}`);
  }
}

/**
 * @param {any} answer
 * @returns {Granted}
 */
function granted(answer) {
  const result = answer.AuthenticationResult;
  if (!result) {
    throw new SignInError(
      answer.ChallengeName ?? "NoTokens",
      `This account asks for ${answer.ChallengeName ?? "a step"}, which Marquee does not offer.`,
    );
  }
  return { idToken: result.IdToken, refreshToken: result.RefreshToken, expiresIn: result.ExpiresIn };
}
