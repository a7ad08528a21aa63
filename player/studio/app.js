/** The dashboard's composition root: who is signed in and which address decide what is shown. */

import { ApiError } from "../api.js";
import { Auth, SignedOutError } from "../auth.js";
import { byId } from "../dom.js";
import { StudioApi } from "./api.js";
import { DeliveryPage } from "./delivery.js";
import { Enlarged } from "./enlarged.js";
import { List } from "./list.js";
import { Passwords } from "./passwords.js";
import { Poll } from "./poll.js";
import { wireSignIn } from "./signin.js";
import { Stills } from "./stills.js";
import { describe, panel } from "./trouble.js";

const LOOK_EVERY_MS = 5000;
const SIGN_IN_AGAIN = "Your sign-in has ended. Sign in again to continue.";

/** @param {"signin" | "list" | "delivery"} view */
function show(view) {
  byId("signin").hidden = view !== "signin";
  byId("desk").hidden = view === "signin";
  byId("list").hidden = view !== "list";
  byId("delivery").hidden = view !== "delivery";
  document.body.dataset.view = view;
}

/**
 * Read the address: `#/?stage=…` is the list, `#/deliveries/D/versions/V` a delivery.
 *
 * @returns {{deliveryId: string, versionId: string, query: URLSearchParams}}
 */
function readAddress() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [, place, delivery = "", , version = ""] = path.split("/");
  const isDelivery = place === "deliveries" && delivery !== "";
  return {
    deliveryId: isDelivery ? decoded(delivery) : "",
    versionId: isDelivery ? decoded(version) : "",
    query: new URLSearchParams(query),
  };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    // Typed by hand: taken as it is, and no delivery will be of that name.
    return part;
  }
}

async function main() {
  const response = await fetch("/config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`/config.json ${response.status}`);
  const configuration = await response.json();
  const passwords = new Passwords({
    endpoint: configuration.cognito_endpoint,
    clientId: configuration.studio_client_id,
  });
  const auth = new Auth({ issuer: passwords, storeKey: "marquee.studio.session" });
  const api = new StudioApi(auth);
  const stills = new Stills(api, () => {
    delivery.render();
    enlarged.refresh();
  });
  const enlarged = new Enlarged(stills);
  const delivery = new DeliveryPage({ api, stills, onEnlarge: (pictures, path) => enlarged.open(pictures, path) });
  const list = new List({
    api,
    onFilter: (query) => {
      // Not a new place to go back to: the way back leads to where one came from.
      history.replaceState(null, "", query ? `#/?${query}` : "#/");
      route();
    },
    onLookBack: () => poll.start(),
  });
  const askToSignIn = wireSignIn({
    passwords,
    onSignedIn: (granted, username) => {
      auth.accept(granted, username);
      route();
    },
  });
  let listAddress = "#/";
  let listScroll = 0;
  /** @type {List | DeliveryPage} */
  let shown = list;
  // Grows with every change of what is shown: an answer to an earlier question is not wanted any more.
  let place = 0;

  const poll = new Poll(async () => {
    const asked = place;
    const wanted = () => asked === place;
    try {
      await shown.look(wanted);
      if (!wanted()) return;
      tellConnection("");
      if (shown === delivery) document.title = `${delivery.title} · Marquee`;
    } catch (error) {
      if (!wanted() || error instanceof SignedOutError) return;
      if (error instanceof ApiError && error.status === 401) {
        auth.signOut(SIGN_IN_AGAIN);
        return;
      }
      const fault = describe(error);
      // What no look can mend takes the place of what was shown.
      const final = error instanceof ApiError && [403, 404].includes(error.status);
      const said = shown.fail(fault, final);
      tellConnection(said ? "" : `${fault.heading}. What you see may be out of date.`);
    }
  }, LOOK_EVERY_MS);

  function route() {
    place += 1;
    poll.stop();
    enlarged.close();
    tellConnection("");
    byId("account").hidden = !auth.username;
    byId("who").textContent = auth.username ?? "";
    document.title = "Deliveries · Marquee";
    if (!auth.username) {
      show("signin");
      askToSignIn("");
      return;
    }
    const { deliveryId, versionId, query } = readAddress();
    if (deliveryId) {
      shown = delivery;
      show("delivery");
      delivery.open({ deliveryId, versionId, listAddress });
      document.title = `${delivery.title} · Marquee`;
    } else {
      shown = list;
      show("list");
      listAddress = String(query) ? `#/?${query}` : "#/";
      list.open(query);
    }
    poll.start();
  }

  /** @param {string} text */
  function tellConnection(text) {
    byId("connection").textContent = text;
  }

  auth.addEventListener("signedout", (/** @type {any} */ event) => {
    list.clear();
    delivery.clear();
    route();
    askToSignIn(event.detail);
  });
  byId("sign-out").addEventListener("click", () => auth.signOut());
  // The list is drawn anew when one comes back to it: only then can its place be found again.
  history.scrollRestoration = "manual";
  window.addEventListener("hashchange", () => {
    if (shown === list) listScroll = window.scrollY;
    route();
    window.scrollTo(0, shown === list ? listScroll : 0);
    // Whoever reads by ear learns that another page is shown.
    byId("main").focus({ preventScroll: true });
  });

  route();
}

try {
  await main();
} catch (error) {
  show("list");
  const code = error instanceof Error ? error.message : String(error);
  byId("filters").hidden = true;
  byId("rows").replaceChildren(
    panel({ heading: "The desk is not open yet", advice: "The page could not be set up. Try again in a moment.", code }),
  );
}
