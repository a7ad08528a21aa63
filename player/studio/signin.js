/** The sign-in form, and the forms for what Cognito may ask next: a new password, a code of an authenticator app. */

import { SignInError } from "../auth.js";
import { byId } from "../dom.js";

/**
 * Wire the forms.
 *
 * @param {object} options
 * @param {import("./passwords.js").Passwords} options.passwords
 * @param {(granted: import("../auth.js").Granted, username: string) => void} options.onSignedIn
 * @returns {(reason: string) => void}  shows the form anew, with the reason why
 */
export function wireSignIn({ passwords, onSignedIn }) {
  /** @type {HTMLFormElement} */
  const credentials = byId("credentials");
  /** @type {HTMLFormElement} */
  const newPassword = byId("new-password");
  /** @type {HTMLFormElement} */
  const oneTimeCode = byId("one-time-code");
  const forms = [credentials, newPassword, oneTimeCode];
  /** @type {import("./passwords.js").Challenge | null} */
  let challenge = null;

  /**
   * @param {import("../auth.js").Granted | import("./passwords.js").Challenge} asked
   * @param {string} username
   */
  function goOn(asked, username) {
    challenge = "idToken" in asked ? null : asked;
    if ("idToken" in asked) return onSignedIn(asked, username);
    if (asked.name === "NEW_PASSWORD_REQUIRED") {
      only(newPassword);
      newPassword.username.value = asked.username;
      newPassword.chosen.focus();
      return;
    }
    only(oneTimeCode);
    byId("enrolment").hidden = !asked.secret;
    byId("enrolment-key").textContent = asked.secret ?? "";
    oneTimeCode.code.focus();
  }

  /** @param {HTMLFormElement} shown */
  function only(shown) {
    for (const form of forms) {
      form.reset();
      form.hidden = form !== shown;
      complain(form, "");
    }
  }

  onSubmit(credentials, async ({ username, password }) => goOn(await passwords.signIn(username, password), username));
  onSubmit(newPassword, async ({ chosen }) => {
    if (challenge) goOn(await passwords.answer(challenge, chosen), challenge.username);
  });
  onSubmit(oneTimeCode, async ({ code }) => {
    if (challenge) goOn(await passwords.answer(challenge, code.replaceAll(/\s/g, "")), challenge.username);
  });

  return (reason) => {
    only(credentials);
    complain(credentials, reason);
    credentials.username.focus();
  };
}

/**
 * @param {HTMLFormElement} form
 * @param {(fields: Record<string, string>) => Promise<void>} act
 */
function onSubmit(form, act) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=submit]"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    const empty = [...form.querySelectorAll("input")].find((input) => input.required && !fields[input.name]);
    if (empty) {
      complain(form, `${empty.labels?.[0]?.textContent} is missing.`);
      empty.focus();
      return;
    }
    complain(form, "");
    button.disabled = true;
    try {
      await act(fields);
    } catch (error) {
      if (!(error instanceof SignInError)) throw error;
      complain(form, error.message);
      /** @type {HTMLInputElement} */ (form.querySelector("[data-secret]")).select();
    } finally {
      button.disabled = false;
    }
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {string} text
 */
function complain(form, text) {
  const line = form.querySelector("[data-complaint]");
  if (line) line.textContent = text;
}
