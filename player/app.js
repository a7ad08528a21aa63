/** The page's composition root: who is signed in and which address decide what is shown. */

import { wireActivation } from "./activate.js";
import { Api, ApiError } from "./api.js";
import { Auth, SignedOutError, SignInError } from "./auth.js";
import { showBegun, showLoading, showNotice, showTitles } from "./catalog.js";
import { device } from "./device.js";
import { showDevices } from "./devices.js";
import { byId } from "./dom.js";
import { describe } from "./faults.js";
import { Languages } from "./languages.js";
import { ManagedLogin } from "./oauth.js";
import { Playback } from "./playback.js";
import { ALONE, Watcher, showProfiles } from "./profiles.js";
import { wireSignIn } from "./signin.js";
import { wireWatch } from "./watch.js";

const VIEWS = ["signin", "activate", "profiles", "catalog", "devices", "watch"];

/** @param {string} view */
function show(view) {
  for (const id of VIEWS) byId(id).hidden = id !== view;
  document.body.dataset.view = view;
  window.scrollTo(0, 0);
}

/**
 * @typedef {object} Configuration
 * @property {string} sign_in_domain
 * @property {string} client_id
 * @property {string} region
 * @property {string} environment
 */

/**
 * @param {string} path
 * @returns {Promise<Response>}
 */
async function fetchOwn(path) {
  const response = await fetch(path, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${path} ${response.status}`);
  return response;
}

/** @returns {Promise<Configuration>} */
async function loadConfiguration() {
  return (await fetchOwn("/config.json")).json();
}

/**
 * Take in the stylesheet of Shaka's controls, but for its font: it would come from Google, which the page's policy
 * forbids, and a linked sheet would be reported at every visit for asking.
 */
async function adoptControlsStyle() {
  const style = await (await fetchOwn("/vendor/controls.modern.css")).text();
  const sheet = new CSSStyleSheet();
  await sheet.replace(style.replaceAll(/@font-face\s*\{[^}]*\}/g, ""));
  document.adoptedStyleSheets.push(sheet);
}

async function main() {
  const [configuration] = await Promise.all([loadConfiguration(), adoptControlsStyle()]);
  // Asked now, so that the first film need not wait for the answer.
  void device();
  const login = new ManagedLogin({ domain: configuration.sign_in_domain, clientId: configuration.client_id });
  const auth = new Auth({ issuer: login });
  const watcher = new Watcher();
  const languages = new Languages(watcher);
  const api = new Api({ auth, watcher, languages });
  /** @type {HTMLVideoElement} */
  const video = byId("video");
  const playback = new Playback({ video, stage: byId("stage"), api, auth, languages });
  /** @type {import("./api.js").Title[]} */
  let titles = [];
  const titleOf = (/** @type {string | null} */ id) => titles.find(({ title_id }) => title_id === id);
  const watch = wireWatch({ playback, video, titleOf, onLeave: () => go("/") });
  const activate = wireActivation({ api, auth });
  const askToSignIn = wireSignIn({ begin: (again) => login.begin(location.pathname + location.search, again) });
  // What the demo's check and the browser tests look at.
  window.marquee = {
    player: playback.player,
    get metrics() {
      return playback.metrics;
    },
  };

  /** @param {string} url */
  function go(url) {
    history.pushState(null, "", url);
    return route();
  }

  /**
   * Ask who watches: the account's holder, or one of its profiles.
   *
   * @param {import("./profiles.js").Profile[]} profiles
   */
  function askWhoWatches(profiles) {
    showProfiles(byId("profiles"), [{ ...ALONE, name: auth.username ?? "" }, ...profiles], (chosen) => {
      watcher.choose(chosen);
      titles = [];
      // Whoever came for a film is still there.
      if (isChoosing()) go("/");
      else route();
    });
    document.title = "Who watches? · Marquee";
    show("profiles");
  }

  const isChoosing = () => new URLSearchParams(location.search).get("view") === "profiles";

  function showWhoWatches() {
    const { chosen } = watcher;
    byId("watching").hidden = !chosen?.name;
    byId("watching").textContent = chosen?.profile_id ? chosen.name : "Profiles";
  }

  /** Show the viewer's devices, as they are now. */
  async function openDevices() {
    showDevices(byId("devices"), await api.devices(), {
      onSignOut: async ({ device_id }) => {
        // One that is gone already was signed out on another screen: the list shows it.
        await api.signOutDevice(device_id).catch((error) => {
          if (!(error instanceof ApiError) || error.status !== 404) throw error;
        });
        await route();
      },
      onSignOutAll: async () => {
        await api.signOutDevice();
        auth.signOut();
        // Else whoever sits here next would be let in without the password.
        login.leave();
      },
    });
    document.title = "Your devices · Marquee";
    show("devices");
  }

  /**
   * Add what was begun to the catalog, which is shown already and good without.
   *
   * @param {() => boolean} isCurrent  whether it is still what is to be shown
   */
  async function addBegun(isCurrent) {
    const begun = await api.begun().catch((error) => {
      if (error instanceof SignedOutError) throw error;
      return [];
    });
    if (isCurrent()) showBegun(byId("catalog"), titles, begun);
  }

  let turns = 0;

  /** Show what the address asks for. */
  async function route() {
    const askedAt = performance.now();
    const address = location.href;
    const turn = ++turns;
    // The address alone does not tell: two profiles have the same catalog's.
    const isCurrent = () => turn === turns && address === location.href;
    await playback.stop();
    byId("account").hidden = !auth.username;
    byId("who").textContent = auth.username ?? "";
    showWhoWatches();
    document.title = "Marquee";
    if (!auth.username) {
      show("signin");
      askToSignIn("");
      return;
    }
    const { searchParams } = new URL(address);
    if (location.pathname === "/activate") {
      document.title = "Sign in a device · Marquee";
      show("activate");
      activate(searchParams.get("code") ?? "");
      return;
    }
    const titleId = searchParams.get("title");
    const wanted = () => titleOf(titleId);
    try {
      if (searchParams.get("view") === "devices") {
        await openDevices();
        return;
      }
      if (!watcher.chosen || isChoosing()) {
        const profiles = await api.profiles();
        if (!isCurrent()) return;
        if (profiles.length > 0) {
          askWhoWatches(profiles);
          return;
        }
        watcher.choose(ALONE);
      }
      // A click in the catalog plays at once; only a deep link has to ask for the catalog first.
      if (!wanted()) {
        show("catalog");
        showLoading(byId("catalog"));
        const found = await api.titles();
        if (!isCurrent()) return;
        titles = found;
      }
      const title = wanted();
      if (title) {
        document.title = `${title.name} · Marquee`;
        show("watch");
        byId("watch-name").focus({ preventScroll: true });
        await watch(title, askedAt);
      } else if (titleId) {
        showNotice(byId("catalog"), "This film is not showing", "It may have left the catalog. Choose another one.");
      } else {
        showTitles(byId("catalog"), titles);
        await addBegun(isCurrent);
      }
    } catch (error) {
      if (error instanceof SignedOutError) return;
      const { heading, advice, code } = describe(error);
      show("catalog");
      showNotice(byId("catalog"), heading, advice, code);
    }
  }

  auth.addEventListener("signedout", async (/** @type {any} */ event) => {
    watcher.forget();
    titles = [];
    await route();
    askToSignIn(event.detail);
  });
  byId("sign-out").addEventListener("click", async () => {
    // The last progress beat still needs the token.
    await playback.stop();
    auth.signOut();
    login.leave();
  });
  window.addEventListener("popstate", route);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.origin !== location.origin || link.hash) return;
    event.preventDefault();
    go(link.href);
  });

  let reason = "";
  if (login.isBack) {
    try {
      const { granted, username } = await login.complete();
      auth.accept(granted, username);
    } catch (error) {
      if (!(error instanceof SignInError)) throw error;
      reason = error.message;
    }
  }
  await route();
  if (reason && !auth.username) askToSignIn(reason);
}

try {
  await main();
} catch (error) {
  show("catalog");
  const reason = error instanceof Error ? error.message : String(error);
  showNotice(byId("catalog"), "Marquee is not open yet", "The page could not be set up. Try again in a moment.", reason);
}
