/** Letting a television in: its code is entered or confirmed, what asks is shown, and the viewer decides. */

import { ApiError } from "./api.js";
import { SignedOutError } from "./auth.js";
import { byId } from "./dom.js";
import { inShort } from "./faults.js";

/** @type {Record<number, string>} */
const REFUSALS = {
  404: "No device waits with this code. Look at its screen, and enter the code that is there now.",
  422: "That is no code: it has eight letters.",
};

/** The reasons of a refusal that a new sign-in takes away. */
const SIGN_IN_ANEW = new Set(["signed-out", "challenge"]);

/**
 * Wire the view.
 *
 * @param {object} options
 * @param {import("./api.js").Api} options.api
 * @param {import("./auth.js").Auth} options.auth
 * @returns {(code: string) => void}  shows the view anew, with the code that the address brought
 */
export function wireActivation({ api, auth }) {
  /** @type {HTMLFormElement} */
  const form = byId("device-code");
  const question = byId("device-question");
  let asked = "";

  /** @param {"form" | "question" | "outcome"} part */
  function only(part) {
    form.hidden = part !== "form";
    question.hidden = part !== "question";
    byId("device-outcome").hidden = part !== "outcome";
    byId("device-complaint").textContent = "";
  }

  /** @param {() => Promise<void>} act */
  async function attempt(act) {
    try {
      await act();
    } catch (error) {
      // Whose sign-in has ended is asked to sign in by now.
      if (error instanceof SignedOutError) return;
      if (error instanceof ApiError && SIGN_IN_ANEW.has(error.reason)) {
        // The code is in the address, so that the new sign-in comes back to it.
        history.replaceState(null, "", `/activate?code=${encodeURIComponent(asked)}`);
        auth.signOut(sentence(error.message));
        return;
      }
      only("form");
      byId("device-complaint").textContent = refusal(error);
      form.code.focus();
    }
  }

  /** @param {"allow" | "deny"} decision */
  function decide(decision) {
    return attempt(async () => {
      await api.decideDevice(asked, decision);
      only("outcome");
      byId("device-outcome").textContent =
        decision === "allow" ? "It is signed in. Go on there." : "It was refused, and its code is of no use any more.";
    });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asked = form.code.value.trim();
    attempt(async () => {
      const { device } = await api.deviceRequest(asked);
      only("question");
      byId("device-name").textContent = device;
      byId("device-code-asked").textContent = asked;
      byId("device-allow").focus();
    });
  });
  byId("device-allow").addEventListener("click", () => decide("allow"));
  byId("device-deny").addEventListener("click", () => decide("deny"));

  return (code) => {
    form.reset();
    only("form");
    form.code.value = code;
    form.code.focus();
  };
}

/** @param {unknown} error */
function refusal(error) {
  if (!(error instanceof ApiError)) return inShort(error);
  // Why somebody may not, the API alone knows: too many codes, a blocked account, a television that asks.
  return error.status === 403 ? sentence(error.message) : (REFUSALS[error.status] ?? inShort(error));
}

/** @param {string} words  of a problem document */
function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
