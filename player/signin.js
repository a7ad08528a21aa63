/** The sign-in form, and the form for a new password that Cognito may ask for. */

import { SignInError } from "./auth.js";
import { byId } from "./dom.js";

/**
 * Wire the forms.
 *
 * @param {object} options
 * @param {import("./auth.js").Auth} options.auth
 * @param {() => void} options.onSignedIn
 * @returns {(reason: string) => void}  shows the form anew, with the reason why
 */
export function wireSignIn({ auth, onSignedIn }) {
  /** @type {HTMLFormElement} */
  const credentials = byId("credentials");
  /** @type {HTMLFormElement} */
  const newPassword = byId("new-password");
  /** @type {import("./auth.js").Challenge | null} */
  let challenge = null;

  onSubmit(credentials, async (fields) => {
    challenge = await auth.signIn(fields.username, fields.password);
    if (!challenge) return onSignedIn();
    credentials.hidden = true;
    newPassword.hidden = false;
    newPassword.username.value = fields.username;
    newPassword.chosen.focus();
  });

  onSubmit(newPassword, async (fields) => {
    if (!challenge) return;
    await auth.choosePassword(challenge, fields.chosen);
    onSignedIn();
  });

  return (reason) => {
    credentials.reset();
    newPassword.reset();
    newPassword.hidden = true;
    credentials.hidden = false;
    complain(newPassword, "");
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
      /** @type {HTMLInputElement} */ (form.querySelector("input[type=password]")).select();
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
